"""Transactions of a store: turns that write, snapshots that are read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from actorbus._settlement import Settlement
from actorbus._store._errors import StaleClaim, StoreUnavailable
from actorbus._store._messages import Claimed, Outgoing
from actorbus._store._rows import StoredReply

Parameters = Sequence[Any] | Mapping[str, Any]


class Result(NamedTuple):
    """What a statement that returns no rows did."""

    rowcount: int
    lastrowid: int | None


class Row(Protocol):
    """A row of a result: by position and by name, and as the sequence of its values."""

    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, key: int | str) -> Any: ...
    def __len__(self) -> int: ...
    def keys(self) -> Iterable[str]:
        """Return the names of the columns."""
        ...


class CommitListener(Protocol):
    """Told, on the trio side and exactly once, what became of a commit. Must not raise."""

    def committed(self) -> None:
        """Say that it is durable."""
        ...

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Say that nothing of it is there.

        A turn was undone with its group, through no fault of its own. A queued settlement can
        also have come too late: StaleClaim.
        """
        ...


class Savepoint(AbstractAsyncContextManager[None], Protocol):
    """A part of a transaction that is undone alone if its block raises."""


class ReadTransaction(AbstractAsyncContextManager["ReadTransaction"], Protocol):
    """Reads from one moment's state, whatever is committed meanwhile; never waits to write."""

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows. `$1` is the first parameter."""
        ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        ...

    @property
    def connection(self) -> Any:
        """The driver's own connection, for reading."""
        ...


class Turn(Protocol):
    """A transaction in its group commit: its statements are never mixed with another's.

    It is given up by `finish` or `rollback`, once. Statements that are quick do not checkpoint.
    A statement's error (of the driver) leaves the turn usable, unless it says StoreUnavailable.
    """

    async def execute(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement. `$1` is the first parameter (the driver's own style works too).

        Raises the driver's errors; StatementRefused, TransactionTooLong, TurnEnded,
        StoreUnavailable.
        """
        ...

    async def executemany(self, sql: str, parameters: Iterable[Parameters]) -> Result:
        """Run a statement once for each of `parameters`."""
        ...

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows."""
        ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row, or None."""
        ...

    def savepoint(self) -> Savepoint:
        """Return a block that is undone alone if it raises."""
        ...

    @property
    def connection(self) -> Any:
        """The driver's own connection. It refuses to commit or roll back."""
        ...

    async def append(self, copies: Sequence[Outgoing]) -> int:
        """Store copies with this transaction; return how many were new."""
        ...

    async def remember(self, endpoint: str, key: str) -> bool:
        """Note that `endpoint` handles `key` in this transaction; False if it did before."""
        ...

    async def note(self, claimed: Claimed) -> bool:
        """Note that this process handles a broker's message in this transaction.

        False if it was handled, or another process that lives is handling it. Waits for another
        transaction that notes the same.
        """
        ...

    async def reply(self, reply: StoredReply) -> None:
        """Leave an answer for the process that asked, with this transaction."""
        ...

    async def settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Write the settlement with this transaction. Raises StaleClaim: then roll back."""
        ...

    async def acknowledge(self, batch: Sequence[Claimed]) -> None:
        """Settle all of them as handled, with this transaction.

        Raises StaleClaim if one of them was taken back: then roll back.
        """
        ...

    async def finish(self, listener: CommitListener) -> None:
        """Give up the turn; its work is committed soon, and `listener` is told.

        Returns before the commit. If it raises, the turn is undone and `listener` is not called.
        """
        ...

    async def rollback(self) -> None:
        """Undo this turn only and give it up. Harmless after the end; works when cancelled."""
        ...
