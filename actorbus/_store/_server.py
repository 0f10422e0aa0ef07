"""What a database server says of itself, for `actorbus doctor`."""

from typing import Protocol, runtime_checkable

import msgspec


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """The transaction that keeps vacuum from removing what was deleted since it began."""

    what: str
    """Whose it is: a process with its application's name, a prepared transaction, a slot."""
    seconds: float
    """How long it has been open."""


class Bloat(msgspec.Struct, frozen=True, kw_only=True):
    """How much vacuum has left to do in one of our tables, by the server's own counts."""

    table: str
    rows: int
    dead_rows: int
    autovacuum: bool
    """Whether it is on for this table."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A database server, as far as those who operate a store on it want to know."""

    name: str
    version: str
    is_new_enough: bool
    needed: str
    """The oldest version that is supported."""
    most_connections: int
    """Of all programs, without those that only superusers may open."""
    connections: int
    """Open now, of all programs."""
    per_process: int
    """That a process with this one's settings opens, at most."""
    clock_difference: float
    """Seconds by which its clock is ahead of this host's; negative: behind."""
    clock_error: float
    """How many seconds the difference may be wrong by."""
    pooled: bool
    """There is a pooler between, which gives connections away between transactions."""
    hears: bool
    """A notification arrived. Behind a pooler none is sent."""
    autovacuum: bool
    bloat: tuple[Bloat, ...] = ()
    horizon: Horizon | None = None
    """The oldest; None if vacuum can remove all that is dead."""


@runtime_checkable
class OnServer(Protocol):
    """A store whose database is a server."""

    async def server(self) -> Server:
        """Ask the server, while the store is open. Raises StoreUnavailable."""
        ...
