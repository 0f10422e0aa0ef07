"""Which offset of a partition may be committed, while its messages are done with in any order.

Rules:
 1. The committable offset is that of the first message in flight; with none in flight, the one
    after the last that was delivered. It never falls, and never passes what is in flight.
 2. Offsets have gaps (compaction, transactions): what was never delivered is not waited for.
 3. Offsets above it that are done with are remembered, at most `window` of them; a partition with
    so many is full: nothing more of it is delivered until the message that holds it up is done.
 4. It is of one assignment of the partition. After the next one there is a new watermark, and what
    is still in flight of the last one is of no concern to it.
"""

from collections import deque
from collections.abc import Iterable


class Watermark:
    """One partition's, from its assignment to its revocation; without I/O, without a clock."""

    __slots__ = ("_delivered", "_end", "_open", "window")

    def __init__(self, position: int, window: int) -> None:
        self.window = window
        self._delivered: deque[int] = deque()  # from the first one in flight on, in their order
        self._open: set[int] = set()
        self._end = position

    @property
    def committable(self) -> int:
        """The offset that may be committed: all before it is done with, or never was."""
        return self._delivered[0] if self._delivered else self._end

    @property
    def end(self) -> int:
        """The offset after the last that was delivered, or known to be a gap."""
        return self._end

    @property
    def in_flight(self) -> int:
        """How many messages were delivered and are not done with."""
        return len(self._open)

    @property
    def above(self) -> int:
        """How many offsets above the committable one are done with."""
        return len(self._delivered) - len(self._open)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be delivered for now."""
        return self.above >= self.window

    def delivered(self, offsets: Iterable[int]) -> None:
        """Note messages that are in flight now. Raises ValueError for one that is not a later one.

        Such a one says that the partition's log has begun anew.
        """
        for offset in offsets:
            if offset < self._end:
                raise ValueError(f"offset {offset} was delivered after {self._end - 1}")
            self._delivered.append(offset)
            self._open.add(offset)
            self._end = offset + 1

    def skipped_to(self, position: int) -> None:
        """Note that nothing is there from the last delivered one up to a position."""
        self._end = max(self._end, position)

    def completed(self, offset: int) -> bool:
        """Note that a message is done with; return whether the committable offset rose.

        One that is not in flight, or twice the same, changes nothing.
        """
        delivered, still_open = self._delivered, self._open
        if offset not in still_open:
            return False
        still_open.remove(offset)
        if offset != delivered[0]:
            return False
        while delivered and delivered[0] not in still_open:
            delivered.popleft()
        return True
