"""Supervision that is changed while two processes work on PostgreSQL."""

from tests.acceptance.tuned_workers import two_workers_are_tuned


async def test_two_processes_change_at_once_and_the_account_is_exact(postgres, tmp_path):
    await two_workers_are_tuned(postgres, tmp_path)
