"""`actorbus doctor` on a database server: what it says, and when it warns."""

from typing import Any

import msgspec
import pytest

from actorbus._store import Bloat, Horizon, Server
from actorbus.operations._findings import Status
from actorbus.operations._server_findings import look_at_server

HEALTHY = Server(
    name="PostgreSQL",
    version="15.18",
    is_new_enough=True,
    needed="13",
    most_connections=97,
    connections=20,
    per_process=14,
    clock_difference=0.01,
    clock_error=0.01,
    pooled=False,
    hears=True,
    autovacuum=True,
    bloat=(Bloat(table="actorbus_messages", rows=100, dead_rows=300, autovacuum=True),),
)


def look(processes: int = 2, **changes: Any) -> dict[str, tuple[Status, str]]:
    """Return what is said of a healthy server with changes, by check."""
    server = msgspec.structs.replace(HEALTHY, **changes)
    return {one.check: (one.status, one.text) for one in look_at_server(server, processes)}


def test_of_a_healthy_server_everything_is_ok():
    found = look()

    assert {status for status, _ in found.values()} == {Status.OK}
    assert found["connections"][1] == "20 of 97 are in use; a process opens 14 at most"
    assert found["vacuum"][1] == "it runs; 300 rows are dead"


def bloat(**changes: Any) -> tuple[Bloat, ...]:
    return (msgspec.structs.replace(HEALTHY.bloat[0], **changes),)


@pytest.mark.parametrize(
    ("changes", "check", "status", "words"),
    [
        ({"is_new_enough": False, "version": "12.4"}, "server", "wrong", "12.4, and 13 is needed"),
        ({"connections": 90}, "connections", "warning", "90 of 97 are in use"),
        ({"processes": 7}, "connections", "warning", "7 processes may open 14 each, and 97 is"),
        ({"clock_difference": 600.0}, "server clock", "warning", "clock is 600 s behind the"),
        ({"clock_difference": -600.0}, "server clock", "warning", "is 600 s ahead of the server"),
        ({"pooled": True, "hears": False}, "wake-up", "warning", "pooler in transaction mode"),
        ({"hears": False}, "wake-up", "warning", "no notification arrived"),
        ({"autovacuum": False}, "vacuum", "wrong", "autovacuum is off: the tables grow"),
        ({"bloat": bloat(autovacuum=False)}, "vacuum", "wrong", "is off for actorbus_messages"),
        ({"bloat": bloat(dead_rows=10_001)}, "vacuum", "warning", "10,001 dead rows beside 100"),
        (
            {"horizon": Horizon(what="a transaction of process 7 (psql, idle)", seconds=61.0)},
            "vacuum",
            "warning",
            "process 7 (psql, idle) has been open for 61 s",
        ),
    ],
)
def test_what_is_wrong_is_named(changes, check, status, words):
    found = look(**changes)

    assert found[check][0] == status
    assert words in found[check][1]
    assert [name for name, (how, _) in found.items() if how != Status.OK] == [check]


@pytest.mark.parametrize(
    "changes",
    [
        {"clock_difference": 4.0, "clock_error": 3.5},
        {"bloat": bloat(rows=100_000, dead_rows=150_000)},
        {"horizon": Horizon(what="a short one", seconds=5.0)},
        {"processes": 0},
    ],
)
def test_what_is_no_trouble_is_not(changes):
    """A slow connection to a right clock; what vacuum keeps up with; a transaction that works."""
    assert {status for status, _ in look(**changes).values()} == {Status.OK}
