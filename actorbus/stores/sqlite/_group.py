"""A group commit: transactions that finished, waiting for the commit they share."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import trio

from actorbus._settlement import Settlement
from actorbus._store import Claimed, CommitListener, StaleClaim, StoreUnavailable
from actorbus.stores.sqlite._errors import anew

_log = logging.getLogger("actorbus.store")


class QueuedSettlement(NamedTuple):
    """A settlement that is written with the next commit, outside of any handler's transaction."""

    claimed: Claimed
    settlement: Settlement
    on_commit: Callable[[], None]
    on_lost: Callable[[StoreUnavailable | StaleClaim], None]


@dataclass(slots=True, eq=False)
class Group:
    """The open transaction of the writer."""

    opened: float
    begun: int = 0
    """Turns that had it, finished or not."""
    ended: int = 0
    closing: bool = False
    """No further turn: to be committed once the turn is free."""
    members: list[CommitListener] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)
    """Channels on which it made messages ready."""

    def committed(self) -> None:
        """Tell all members."""
        for member in self.members:
            tell(member.committed)

    def lost(self, error: StoreUnavailable) -> None:
        """Tell all members."""
        for member in self.members:
            tell(member.lost, error)


class Commit:
    """A listener for one task that waits for its commit."""

    __slots__ = ("_done", "_error")

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: StoreUnavailable | StaleClaim | None = None

    def committed(self) -> None:
        """Wake the task."""
        self._done.set()

    def lost(self, error: StoreUnavailable | StaleClaim) -> None:
        """Wake the task with an error."""
        self._error = error
        self._done.set()

    async def wait(self) -> None:
        """Return when it is committed; raise what it was lost with."""
        await self._done.wait()
        if self._error is not None:
            raise anew(self._error)


def tell(callback: Callable[..., object], *args: object) -> None:
    """Call a listener; one that raises is logged, and keeps nobody else from being told."""
    try:
        callback(*args)
    except Exception:  # noqa: BLE001  logged, with its traceback
        _log.exception("a listener of the store's commits failed: %r", callback)
