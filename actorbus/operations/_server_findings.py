"""What is wrong with a database server, or will be. Pure: it judges what the server said."""

from collections.abc import Iterator
from typing import Final

from actorbus._store import Server
from actorbus.operations._findings import Finding, Status

CLOCK_APART: Final = 1.0
"""Seconds that this host's clock and the server's may differ by."""
FULL: Final = 0.9
"""The share of the server's connections that may be in use."""
MANY_DEAD: Final = 10_000
"""Rows that vacuum may have left in a table, whatever its size."""
OLD: Final = 60.0
"""Seconds for which a transaction may keep vacuum from its work."""


def look_at_server(server: Server, processes: int) -> Iterator[Finding]:
    """Look at version, connections, clock, pooler and vacuum, for so many live processes."""
    yield _version(server)
    yield _connections(server, processes)
    yield _clock(server)
    yield _wake_up(server)
    yield from _vacuum(server)


def _version(server: Server) -> Finding:
    text = f"{server.name} {server.version}"
    if server.is_new_enough:
        return Finding("server", Status.OK, text)
    return Finding("server", Status.WRONG, f"{text}, and {server.needed} is needed")


def _connections(server: Server, processes: int) -> Finding:
    used, most = server.connections, server.most_connections
    needed = max(processes, 1) * server.per_process
    if used >= most * FULL:
        text = f"{used} of {most} are in use: raise max_connections, or lower pool_size"
        return Finding("connections", Status.WARNING, text)
    if needed > most:
        text = (
            f"{processes} processes may open {server.per_process} each, and {most} is the most:"
            " raise max_connections, or lower pool_size"
        )
        return Finding("connections", Status.WARNING, text)
    text = f"{used} of {most} are in use; a process opens {server.per_process} at most"
    return Finding("connections", Status.OK, text)


def _clock(server: Server) -> Finding:
    apart = server.clock_difference
    if abs(apart) <= CLOCK_APART + server.clock_error:
        return Finding("server clock", Status.OK, f"{abs(apart):.1f} s from this host's")
    where = "behind" if apart > 0 else "ahead of"
    text = f"this host's clock is {abs(apart):.0f} s {where} the server's, by which all is due"
    return Finding("server clock", Status.WARNING, text)


def _wake_up(server: Server) -> Finding:
    if server.pooled:
        text = "a pooler in transaction mode: no LISTEN, what others send is found by polling"
        return Finding("wake-up", Status.WARNING, text)
    if not server.hears:
        text = "no notification arrived: what others send is found by polling"
        return Finding("wake-up", Status.WARNING, text)
    return Finding("wake-up", Status.OK, "LISTEN and NOTIFY work, and there is no pooler")


def _vacuum(server: Server) -> Iterator[Finding]:
    found = list(_vacuum_troubles(server))
    dead = sum(one.dead_rows for one in server.bloat)
    yield from found or [Finding("vacuum", Status.OK, f"it runs; {dead:,} rows are dead")]


def _vacuum_troubles(server: Server) -> Iterator[Finding]:
    if not server.autovacuum:
        yield Finding("vacuum", Status.WRONG, "autovacuum is off: the tables grow for ever")
    for one in server.bloat:
        if not one.autovacuum:
            text = f"autovacuum is off for {one.table}: it grows for ever"
            yield Finding("vacuum", Status.WRONG, text)
        if one.dead_rows > max(MANY_DEAD, 2 * one.rows):
            text = f"{one.table} has {one.dead_rows:,} dead rows beside {one.rows:,} others"
            yield Finding("vacuum", Status.WARNING, text)
    if server.horizon is not None and server.horizon.seconds > OLD:
        text = (
            f"{server.horizon.what} has been open for {server.horizon.seconds:.0f} s: what was"
            " deleted since then stays in the tables until it ends"
        )
        yield Finding("vacuum", Status.WARNING, text)
