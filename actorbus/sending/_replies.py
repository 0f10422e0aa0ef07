"""Queries that wait for an answer in this process, and the answers that come for them.

An answer that was made in this process is handed over at once; one of another process lies in the
store until this one fetches it, after its poller noticed a change. Answers that come when nobody
waits any more are dropped, counted and published.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from actorbus._bus_events import LateReply
from actorbus._errors import TransactionError
from actorbus._store import Store, StoredReply
from actorbus.codecs import Codecs
from actorbus.endpoints._workload import BusCounts
from actorbus.messages._message import MSGPACK
from actors.events import Event

MOST_WAITING = 10_000
"""Queries that may wait for their answers in one process, at most."""


class Expected:
    """One query's answer, which is still to come."""

    __slots__ = ("_come", "_reply")

    def __init__(self) -> None:
        self._come = trio.Event()
        self._reply: StoredReply | None = None

    async def wait(self) -> StoredReply:
        """Return the answer once it is there."""
        await self._come.wait()
        if self._reply is None:
            raise AssertionError("an answer was announced that is not there")
        return self._reply

    def settle(self, reply: StoredReply) -> None:
        """Let it be this one."""
        self._reply = reply
        self._come.set()


class Replies:
    """The answers of one run of a bus. `address` is what other processes send them to."""

    def __init__(
        self,
        address: str,
        store: Store,
        codecs: Codecs,
        counts: BusCounts,
        publish: Callable[[Event], None],
    ) -> None:
        self.address = address
        self.codec = codecs[MSGPACK]
        self.hurry: Callable[[], None] = _nobody
        """Has the store polled soon; set by who polls it."""
        self._store = store
        self._counts = counts
        self._publish = publish
        self._waiting: dict[str, Expected] = {}
        self._has_asked = False

    @property
    def awaited(self) -> bool:
        """Whether an answer is waited for, so that the store is to be polled often."""
        return bool(self._waiting)

    @contextmanager
    def expected(self, query_id: str) -> Iterator[Expected]:
        """Wait for a query's answer within the block; after it, an answer is late."""
        if len(self._waiting) >= MOST_WAITING:
            raise TransactionError(f"{MOST_WAITING:,} queries wait for their answers already")
        if query_id in self._waiting:
            raise TransactionError(f"a query with the id {query_id!r} waits for its answer already")
        self._has_asked = True
        expected = self._waiting[query_id] = Expected()
        self.hurry()
        try:
            yield expected
        finally:
            del self._waiting[query_id]

    def take(self, reply: StoredReply) -> None:
        """Give an answer to who waits for it, or drop and count it."""
        expected = self._waiting.get(reply.query_id)
        if expected is not None:
            expected.settle(reply)
            return
        self._counts.late_replies += 1
        self._publish(LateReply("replies", trio.current_time(), reply.query_id))

    async def fetch(self) -> None:
        """Take the answers that other processes left. Costs nothing where nobody ever asked."""
        if not self._has_asked:
            return
        while batch := await self._store.replies():
            for reply in batch:
                self.take(reply)


def _nobody() -> None:
    """Hurry nobody: the store is not polled yet."""
