"""When and how many messages of an endpoint may begin, beyond that there is a free worker.

Made only for endpoints with `rate_limit=`, `batch=` or `concurrency=ByLoad(...)`: the others
have no flow, and never ask.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Protocol

import trio

from actorbus._store import Claimed
from actorbus.endpoints._gathering import Gathering
from actorbus.endpoints._load_limit import LoadLimit
from actorbus.endpoints._permits import Permits
from supervisors import DependencyHealth, Health


class Allowed(Protocol):
    """How many messages may begin, where a number of handled ones ends the consumption."""

    def part_of(self, count: int) -> int:
        """Return how many of these may begin together, 1 or more: that one was asked for."""
        ...


class Held(Protocol):
    """What an endpoint holds, as its flow sees it."""

    @property
    def unstarted(self) -> deque[Claimed]: ...
    @property
    def again(self) -> deque[Claimed]: ...
    @property
    def outage(self) -> DependencyHealth: ...
    @property
    def failed_last(self) -> bool: ...
    @property
    def allowance(self) -> Allowed | None: ...


class Flow:
    """One endpoint's rate, load and batches; each of them None if it was not asked for."""

    __slots__ = ("calls", "gathering", "load", "permits", "throttled_since")

    def __init__(
        self, permits: Permits | None, load: LoadLimit | None, gathering: Gathering | None
    ) -> None:
        self.permits = permits
        self.load = load
        self.gathering = gathering
        self.calls = 0
        """How many calls of the handler run, if they are counted for the load."""
        self.throttled_since: float | None = None
        """The run's time since which there is no permit for messages that wait."""

    # -- claiming ---------------------------------------------------------------------------

    def room(self, free: int, *, dry: bool) -> int:
        """Return how many of the free places may be asked for; `dry`: nothing waits, it seems."""
        if self.permits is None or not free:
            return free
        permitted = self.permits.room(free)
        if dry or permitted:
            self.throttled_since = None
        elif self.throttled_since is None:
            self.throttled_since = trio.current_time()
        return permitted

    def promise(self, count: int) -> None:
        """Count messages that are just being claimed, where others share the rate limit."""
        if self.permits is not None and self.permits.is_shared:
            self.permits.promised += count

    def arrived(self, held: Held, before: int) -> None:
        """Note that messages came behind the `before` ones that were there."""
        if self.permits is not None:
            self.permits.holds(held)
        if self.gathering is not None:
            added = len(held.unstarted) - before
            self.gathering.arrived(before, added, trio.current_time())

    # -- starting ---------------------------------------------------------------------------

    def may_start(self, held: Held) -> bool:
        """Whether a message, or a batch, may begin now. There is one, and it is not sick."""
        if self.load is not None and self.calls >= self.load.limit:
            return False
        if self.permits is not None and not self.permits.may_start:
            return False
        return self.gathering is None or bool(held.again) or self._ready(held) > 0

    def opens_at(self, held: Held, since: float) -> float:
        """Return the run's time at which to ask again, though nothing has happened.

        `since` is when it was asked last: what has opened after that has been missed, so that the
        time may have passed already. inf: it is not time that has to pass.
        """
        if not (held.unstarted or held.again):
            return inf
        at = -inf
        if self.permits is not None:
            at = since + self.permits.start_in(since)
        if self.gathering is not None and not held.again:
            at = max(at, self.gathering.due_at(len(held.unstarted)))
        return at if at > since else inf

    def started(self, held: Held, *, again: bool) -> None:
        """Note that the first message begins."""
        if self.permits is not None:
            self.permits.started(1)
        if self.gathering is not None and not again:
            self.gathering.left(1)

    def take_along(self, held: Held, first: Claimed) -> list[Claimed]:
        """Return the batch that begins with a message that was just taken, taking the others."""
        if self.gathering is None:
            return [first]
        held.unstarted.appendleft(first)
        count = self.gathering.first(held.unstarted, _is_alone(held.outage))
        if held.allowance is not None:
            count = held.allowance.part_of(count)
        if self.permits is not None:
            count = min(count, 1 + self.permits.left)
            self.permits.started(count - 1)
        self.gathering.left(count - 1)
        return [held.unstarted.popleft() for _ in range(count)]

    @contextmanager
    def call(self, held: Held) -> Iterator[None]:
        """Measure a call of the handler for the load."""
        load = self.load
        if load is None:
            yield
            return
        begun = trio.current_time()
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1
            held_back = bool(held.unstarted) and self.calls + 1 >= load.limit
            seconds = trio.current_time() - begun
            load.ended(seconds, failed=held.failed_last, held_back=held_back)

    def _ready(self, held: Held) -> int:
        if self.gathering is None or held.outage.health is not Health.HEALTHY:
            return 1
        now = trio.current_time()
        return self.gathering.ready(held.unstarted, now, _is_alone(held.outage))


def _is_alone(outage: DependencyHealth) -> Callable[[Claimed], bool]:
    """Return what says whether a message is to be a batch of its own."""
    seen = outage.seen
    return lambda message: message.suspect or message.copy_id in seen
