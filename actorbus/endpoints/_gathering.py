"""Which of an endpoint's unstarted messages are a batch, and when it begins. Pure.

Rules:
 1. A batch is the first so many messages, in their order: nothing overtakes.
 2. It begins when it is full, when the next message cannot be part of it, or `wait` seconds after
    its first message arrived here.
 3. A suspect is a batch of its own, as is a message that saw an outage: whose it is, is to show.
 4. Messages that have failed before are not with those that have not: a poison message meets the
    same few again, and not the next thousand.
 5. A batch holds one tenant, and no two messages of one deduplication key or ordering key.
 6. After an outage that a batch saw, the next is one message, and twice as many after each success.
"""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from math import inf

from actorbus._store import Claimed
from actorbus.options._flow import Batch


class Gathering:
    """One endpoint's next batch. It knows when the messages came, the caller which they are."""

    __slots__ = ("_arrivals", "_most", "_size", "_tracked", "_wait")

    def __init__(self, batch: Batch) -> None:
        self._size = batch.size
        self._most = batch.size
        self._wait = batch.seconds
        self._arrivals: deque[tuple[int, float]] = deque()
        self._tracked = 0

    # -- messages come and go ---------------------------------------------------------------

    def arrived(self, before: int, added: int, now: float) -> None:
        """Note that `added` messages came behind the `before` ones that were there."""
        self._forget_behind(before)
        if added:
            self._arrivals.append((added, now))
            self._tracked += added

    def left(self, count: int) -> None:
        """Note that the first `count` have begun."""
        while count and self._arrivals:
            number, at = self._arrivals.popleft()
            gone = min(number, count)
            if gone < number:
                self._arrivals.appendleft((number - gone, at))
            count -= gone
            self._tracked -= gone

    def succeeded(self) -> None:
        """Let the next batch be larger, up to its size."""
        self._most = min(self._size, self._most * 2)

    def saw_outage(self) -> None:
        """Let the next batch be a single message."""
        self._most = 1

    # -- what is next -----------------------------------------------------------------------

    def ready(
        self, unstarted: "deque[Claimed]", now: float, is_alone: Callable[[Claimed], bool]
    ) -> int:
        """Return how many messages are to begin now, as a batch; 0 to wait."""
        count, is_closed = together(unstarted, self._most, is_alone)
        if is_closed or (count and now >= self.due_at(len(unstarted))):
            return count
        return 0

    def first(self, unstarted: "deque[Claimed]", is_alone: Callable[[Claimed], bool]) -> int:
        """Return how many messages are the batch that begins now."""
        return together(unstarted, self._most, is_alone)[0]

    def due_at(self, count: int) -> float:
        """Return when the first of `count` messages will have waited long enough."""
        self._forget_behind(count)
        return self._arrivals[0][1] + self._wait if self._arrivals else inf

    def _forget_behind(self, count: int) -> None:
        while self._tracked > count:
            number, at = self._arrivals.pop()
            gone = min(number, self._tracked - count)
            if gone < number:
                self._arrivals.append((number - gone, at))
            self._tracked -= gone


def together(
    messages: Iterable[Claimed], most: int, is_alone: Callable[[Claimed], bool]
) -> tuple[int, bool]:
    """Return how many of the first messages are a batch, and whether it takes no more."""
    keys: set[tuple[str, str]] = set()
    kind: tuple[str, bool] | None = None
    count = 0
    for message in islice(messages, most):
        of_message = (message.tenant, message.attempts + message.replays > 0)
        own = _keys(message)
        if kind is not None and (kind != of_message or is_alone(message) or keys & own):
            return count, True
        if kind is None and is_alone(message):
            return 1, True
        kind = of_message
        count += 1
        keys |= own
    return count, count == most


def _keys(message: Claimed) -> set[tuple[str, str]]:
    keys = (("once", message.deduplication_key), ("order", message.ordering_key))
    return {(kind, key) for kind, key in keys if key is not None}
