"""Whom another process of a service reaches, as its snapshot tells."""

import json

import pytest

from actorbus._store import ProcessRow
from actorbus.distributed._elsewhere import Reached, reached_elsewhere

PLACE = Reached("shop.place", "command", "orders.place")
NOTE = Reached("shop.note", "event", "flights.#")


def process(*, bus="orders", alive=True, taken=("shop.place", "shop.note"), known=True):
    document = {"consumes": {"inbox": taken}, "reaches": [PLACE, NOTE]}
    return ProcessRow(
        process_id="p",
        bus=bus,
        host="here",
        pid=1,
        started_at=0.0,
        renewed_at=0.0,
        alive=alive,
        snapshot=json.dumps(document) if known else None,
        snapshot_at=0.0,
    )


@pytest.mark.parametrize(
    ("reach", "name", "found"),
    [
        ("command", "orders.place", PLACE),
        ("command", "orders.other", None),
        ("command", "shop.place", None),
        ("command", "flights.#", None),
        ("message", "shop.place", PLACE),
        ("message", "shop.note", NOTE),
        ("message", "orders.place", None),
    ],
)
def test_commands_are_found_by_their_key_and_messages_by_the_endpoint(reach, name, found):
    assert reached_elsewhere([process()], "orders", "inbox", reach, name) == found


@pytest.mark.parametrize(
    "other",
    [
        process(bus="billing"),
        process(alive=False),
        process(known=False),
        process(taken=("shop.note",)),
    ],
    ids=["another service", "dead", "has not said", "does not take it"],
)
def test_nobody_else_is_asked(other):
    assert reached_elsewhere([other], "orders", "inbox", "command", "orders.place") is None


def test_only_the_inbox_that_it_came_by_counts():
    assert reached_elsewhere([process()], "orders", "second", "command", "orders.place") is None
