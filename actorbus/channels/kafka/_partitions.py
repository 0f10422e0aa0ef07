"""What one process has of a partition: its watermark, and the messages that it was given of it."""

import trio

from actorbus._store import Claimed
from actorbus.channels.kafka._watermark import Watermark

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""
Line = tuple[str, str, str]
"""An endpoint, a tenant and an ordering key."""


class Delivery:
    """A message that was fetched and is not dealt with.

    `begun` says that an endpoint has it: it may be running. `others` are further records of the
    same message that came meanwhile: they are dealt with when it is. `in_line`: it is among those
    of its ordering key that are let out one after the other.
    """

    __slots__ = ("begun", "claimed", "in_line", "number", "offset", "others", "partition")

    def __init__(self, claimed: Claimed, partition: "Partition", offset: int, number: int) -> None:
        self.claimed = claimed
        self.partition = partition
        self.offset = offset
        self.number = number
        self.begun = False
        self.in_line = False
        self.others: list[Delivery] = []

    def __lt__(self, other: "Delivery") -> bool:
        """Whether it was fetched before."""
        return self.number < other.number

    @property
    def key(self) -> tuple[str, str]:
        """What the inbox knows it by."""
        return self.claimed.endpoint, self.claimed.message_id

    @property
    def line(self) -> Line | None:
        """The messages that it is handled in order with; None if there is no order."""
        claimed = self.claimed
        if claimed.ordering_key is None:
            return None
        return claimed.endpoint, claimed.tenant, claimed.ordering_key


class Partition:
    """One assignment of a partition to this process, until it is revoked.

    Messages below `suspects_to` may have been begun by a process that did not hand it over.
    """

    def __init__(self, place: Place, window: int, suspects_to: int = 0) -> None:
        self.place = place
        self.suspects_to = suspects_to
        self.closed = False
        self.committed = -1
        self.open: dict[int, Delivery] = {}
        self._window = window
        self._watermark: Watermark | None = None
        self._quiet: trio.Event | None = None

    @property
    def is_full(self) -> bool:
        """Whether so many messages are done with above one in flight that it has to pause."""
        return self._watermark is not None and self._watermark.is_full

    @property
    def committable(self) -> int | None:
        """The offset that is to be committed; None if it is committed, or nothing came."""
        if self._watermark is None or self._watermark.committable <= self.committed:
            return None
        return self._watermark.committable

    def begins_anew(self, offset: int) -> bool:
        """Whether this offset is not behind those before it: the log is another one."""
        return self._watermark is not None and offset < self._watermark.end

    def deliver(self, offset: int) -> None:
        """Note a message in flight; the first one says where the partition begins here."""
        if self._watermark is None:
            self._watermark = Watermark(offset, self._window)
            self.committed = offset
        self._watermark.delivered([offset])

    def complete(self, offset: int) -> bool:
        """Note that a message is dealt with; return whether the partition was full before."""
        watermark = self._watermark
        if watermark is None:
            return False
        was_full = watermark.is_full
        watermark.completed(offset)
        self.forget(offset)
        return was_full

    def forget(self, offset: int) -> None:
        """Note that a message is no longer in this process's hands: it holds up the watermark."""
        self.open.pop(offset, None)
        if self._quiet is not None and not self.open:
            self._quiet.set()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing of it is in this process's hands, for so many seconds at most."""
        if self.open:
            self._quiet = trio.Event()
            with trio.move_on_after(seconds):
                await self._quiet.wait()
