"""A message that kills its process: it uses up its own attempts, and nobody else's."""

import signal

import pytest
import trio

from actorbus import DeadLetterReason, Letter
from tests.faults.poison_app import ATTEMPTS, SetUp, Take, make_bus
from tests.faults.recording import PATIENCE, ended, workers

POISON = 20
MESSAGES = 60
FIRST_CLAIM = 1
"""A first claim counts no attempt: the start that it led to was not foreseen to be the last."""

pytestmark = [pytest.mark.slow]


@pytest.fixture
async def bus(postgres):
    bus = make_bus(postgres)
    async with bus.running(consume="none"):
        await bus.commands.send(SetUp())
        yield bus


async def taken(bus):
    async with await bus.store.snapshot("test") as view:
        rows = await view.fetch("SELECT number, attempt FROM taken ORDER BY number")
    return [tuple(row) for row in rows]


async def test_a_message_that_kills_its_process_becomes_a_dead_letter_and_the_others_flow(
    bus, postgres
):
    """All that was claimed with it is handled, as the first attempt of each."""
    await bus.commands.send_many(
        Letter(Take(number, poison=number == POISON)) for number in range(MESSAGES)
    )
    with workers("tests.faults.poison_app:bus") as start:
        for _ in range(FIRST_CLAIM + ATTEMPTS):
            assert await ended(start(postgres)) == -signal.SIGKILL
        survivor = start(postgres)
        with trio.fail_after(PATIENCE):
            while not (letters := await bus.dead_letters.list()) or len(await taken(bus)) < (
                MESSAGES - 1
            ):
                assert survivor.poll() is None
                await trio.sleep(0.05)

    assert [(one.reason, one.attempts) for one in letters] == [(DeadLetterReason.SUSPECT, ATTEMPTS)]
    assert await taken(bus) == [(number, 1) for number in range(MESSAGES) if number != POISON]
