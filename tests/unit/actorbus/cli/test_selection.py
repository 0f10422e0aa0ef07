"""Which dead letters a command means, where headers are compared outside the store."""

import json

import pytest

from actorbus._store import DeadLetterFilter, DeadLetterRow
from actorbus.cli._selection import Selection


def letter(number, **headers):
    return DeadLetterRow(
        number=number,
        copy_id=f"copy-{number}",
        channel="notifications",
        endpoint="shop.send",
        tenant="",
        message_id=f"message-{number}",
        type_name="shop.Placed",
        content_type="application/json",
        headers=json.dumps(headers),
        body=b"{}",
        body_bytes=1,
        correlation_id="c",
        causation_id=None,
        timestamp=0.0,
        priority=0,
        enqueued_at=0.0,
        died_at=0.0,
        reason="permanent error",
        exception=None,
        exception_message=None,
        traceback=None,
        attempts=1,
        replays=0,
        deduplication_key=None,
    )


class Letters:
    """Dead letters in memory, a page at a time; counts how many pages were read."""

    def __init__(self, rows):
        self.rows = rows
        self.pages = 0

    async def list(self, matching, *, limit, after=0):
        self.pages += 1
        return [row for row in self.rows if row.number > after][:limit]

    async def count(self, matching):
        return len(self.rows)


@pytest.fixture
def letters():
    """1,200 letters, each third of them of the tenant acme."""
    return Letters([letter(n, tenant="acme" if n % 3 == 0 else "other") for n in range(1, 1201)])


def numbers(rows):
    return [row.number for row in rows]


async def test_without_headers_the_store_pages_for_itself(letters):
    selection = Selection(DeadLetterFilter(), {})

    assert [1, 2, 3] == numbers(await selection.rows(letters, limit=3))
    assert 1200 == await selection.count(letters)


async def test_headers_are_compared_over_as_many_pages_as_it_takes(letters):
    selection = Selection(DeadLetterFilter(), {"tenant": "acme"})

    found = await selection.rows(letters)

    assert list(range(3, 1201, 3)) == numbers(found)
    assert 3 == letters.pages
    assert 400 == await selection.count(letters)


async def test_a_limit_stops_the_reading(letters):
    selection = Selection(DeadLetterFilter(), {"tenant": "acme"})

    assert [3, 6] == numbers(await selection.rows(letters, limit=2))
    assert 1 == letters.pages


async def test_the_next_page_begins_after_the_last_number(letters):
    selection = Selection(DeadLetterFilter(), {"tenant": "acme"})

    assert [9, 12] == numbers(await selection.rows(letters, limit=2, after=6))


async def test_a_selection_by_header_is_narrowed_to_ids_for_the_store(letters):
    selection = Selection(DeadLetterFilter(endpoint="shop.send"), {"tenant": "acme"})

    narrowed = await selection.narrowed(letters)

    assert "shop.send" == narrowed.endpoint
    assert len(narrowed.copy_ids or ()) == 400


async def test_all_headers_given_must_match():
    letters = Letters([letter(1, tenant="acme", kind="a"), letter(2, tenant="acme", kind="b")])

    both = Selection(DeadLetterFilter(), {"tenant": "acme", "kind": "b"})

    assert [2] == numbers(await both.rows(letters))


def test_only_a_selection_that_says_nothing_is_everything():
    assert Selection(DeadLetterFilter(), {}).is_everything
    assert not Selection(DeadLetterFilter(tenant="acme"), {}).is_everything
    assert not Selection(DeadLetterFilter(), {"tenant": "acme"}).is_everything
