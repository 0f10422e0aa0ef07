"""Where claims begin to look, in virtual time."""

from typing import Any

from actorbus._store import Claimed, Demand
from actorbus.stores.postgresql._places import Place, Places
from actorbus.testing import demand

FIRST = Place("", 0, 100.0, 0)
ASKED = demand(2, None)


class Time:
    """A clock in the hands of a test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def message(sequence: int, *, priority: int = 0, suspect: bool = False) -> Claimed:
    """Return a claimed message that was due when it was sent."""
    texts = dict.fromkeys(
        ("copy_id", "message_id", "type_name", "content_type", "correlation_id", "headers"), ""
    )
    values: dict[str, Any] = {
        **texts,
        "sequence": sequence,
        "epoch": 1,
        "attempts": 0,
        "suspect": suspect,
        "replays": 0,
        "priority": priority,
        "due_at": float(sequence),
        "expires_at": None,
        "enqueued_at": float(sequence),
        "channel": ASKED.channel,
        "endpoint": ASKED.endpoint_ids[0],
        "tenant": "",
        "causation_id": None,
        "timestamp": 0.0,
        "deduplication_key": None,
        "on_failure": None,
        "body": b"",
    }
    return Claimed(**values)


def begins_at(places: Places, asked: Demand = ASKED) -> int | None:
    """Return behind which sequence the next claim begins to look; None: at the beginning."""
    found: int | None = places.of(asked).get("sequence")
    return found


def test_a_quick_queue_is_looked_at_from_its_beginning() -> None:
    """And nothing is remembered of it."""
    places = Places(Time())
    places.found_quickly(ASKED)

    assert not places.any_slow
    assert begins_at(places) is None


def test_after_a_slow_look_the_next_ones_begin_behind_what_was_found_last() -> None:
    """In the order of the index: by priority, due time and sequence; suspects do not count."""
    places = Places(Time())
    found = [message(5, priority=1), message(3), message(9, suspect=True)]
    places.found_slowly(ASKED, found, 0.1, FIRST)
    assert begins_at(places) == 3
    places.found_behind(ASKED, [message(4), message(6)])

    assert begins_at(places) == 6
    assert begins_at(places, demand(2, "another")) is None


def test_a_slow_look_is_made_again_when_it_has_paid_off() -> None:
    """At most a twentieth of the time, and after five seconds at most."""
    for seconds, wait in ((0.1, 2.0), (1.0, 5.0)):
        time = Time()
        places = Places(time)
        places.found_slowly(ASKED, [message(1), message(2)], seconds, FIRST)
        time.now = wait - 0.01
        assert begins_at(places) == 2
        time.now = wait
        assert begins_at(places) is None


def test_a_queue_that_seemed_to_have_nothing_more_is_owed_a_look_from_its_beginning() -> None:
    """Once, when the time has come, so that its channel claims again."""
    time = Time()
    places = Places(time)
    places.found_slowly(ASKED, [message(1), message(2)], 0.1, FIRST)
    places.found_behind(ASKED, [message(3)])
    before = places.owed()
    time.now = 2.0

    assert (before, places.owed(), places.owed()) == (set(), {ASKED.channel}, set())


def test_a_queue_that_had_enough_is_owed_nothing() -> None:
    """Whoever claims from it claims again."""
    time = Time()
    places = Places(time)
    places.found_slowly(ASKED, [message(1), message(2)], 0.1, FIRST)
    places.found_behind(ASKED, [message(3), message(4)])
    time.now = 9.0

    assert places.owed() == set()


def test_an_empty_queue_that_is_slow_to_look_at_is_looked_at_from_now_on() -> None:
    """It is owed a look too: something may have been committed late."""
    time = Time()
    places = Places(time)
    places.found_slowly(ASKED, [], 0.1, FIRST)
    asked = places.of(ASKED)
    time.now = 2.0

    assert asked == FIRST._asdict()
    assert places.owed() == {ASKED.channel}


def test_a_queue_that_is_quick_again_is_forgotten() -> None:
    """PostgreSQL has cleared away what was there."""
    places = Places(Time())
    places.found_slowly(ASKED, [message(1)], 0.1, FIRST)
    places.found_quickly(ASKED)

    assert not places.any_slow
