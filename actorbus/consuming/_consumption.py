"""Channels that a process consumes together: their desks, their common limit, their order."""

from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from actorbus._store import QueueStatistics, Store
from actorbus.channels._allowance import Allowance
from actorbus.channels._desk import Desk, Endpoint
from actorbus.channels._ranking import Ranking
from actorbus.consuming._pauses import Paused
from actorbus.declaring._channel import Channel
from actorbus.endpoints._workload import Counts, total

LOOK_EVERY = 0.02
"""Seconds between two looks at counts that change in many places, all of them hot."""

MayStart = Callable[[], bool]


class MakeDesk(Protocol):
    """Makes the desk of a channel; `may_start` is asked before each message."""

    def __call__(
        self, channel: Channel, may_start: MayStart, allowance: Allowance | None, /
    ) -> Desk: ...


class Consumption:
    """What is consumed from one start to one stop.

    At most `messages` are handled. If `prioritised`, a channel takes messages only while those
    before it have nothing ready.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        make_desk: MakeDesk,
        lease_holds: MayStart,
        *,
        messages: int | None = None,
        prioritised: bool = False,
    ) -> None:
        self.allowance = None if messages is None else Allowance(messages)
        self._ranking = Ranking() if prioritised else None
        self._lease_holds = lease_holds
        self.desks = tuple(
            make_desk(channel, self._may_start(place), self.allowance)
            for place, channel in enumerate(channels)
        )
        self._rank()
        if self.allowance is not None:
            self.allowance.watch(self.desks)

    def _rank(self) -> None:
        if self._ranking is not None:
            self._ranking.rank(self.desks)
            for place, desk in enumerate(self.desks):
                desk.has_turn = self._ranking.turn_of(place)

    def _may_start(self, place: int) -> MayStart:
        """Return what is asked before each message: no more than is needed."""
        checks = [self._lease_holds]
        if self._ranking is not None and place:
            checks.append(self._ranking.start_of(place))
        if self.allowance is not None:
            checks.append(self.allowance.may_start)  # last: it counts on the start
        if len(checks) == 1:
            return self._lease_holds
        return lambda: all(check() for check in checks)

    @property
    def endpoints(self) -> list[Endpoint]:
        """The endpoints that there are now, tenants' included."""
        return [endpoint for desk in self.desks for endpoint in desk.all_endpoints()]

    def counts(self) -> Counts:
        """Return what became of messages since the start."""
        return total(desk.counts() for desk in self.desks)

    def close(self) -> None:
        """Start nothing more; give back what was not started."""
        for desk in self.desks:
            desk.close()

    # -- waiting ----------------------------------------------------------------------------

    async def used_up(self) -> None:
        """Wait until as many messages were handled as are allowed."""
        allowance = self.allowance
        if allowance is None:
            await trio.sleep_forever()
            return
        while not allowance.is_used_up:
            if allowance.refused:
                allowance.refused = False
                for endpoint in self.endpoints:
                    endpoint.workload.notify()
            await trio.sleep(LOOK_EVERY)

    async def failed(self, times: int) -> None:
        """Wait until so many attempts have failed."""
        while _failures(self.counts()) < times:  # noqa: ASYNC110  counts are looked at; an event each would cost
            await trio.sleep(LOOK_EVERY)

    async def nothing_left(
        self, store: Store, paused: Paused, more_comes: Callable[[], bool]
    ) -> None:
        """Wait until this process has nothing in hand here, and nothing is ready for it.

        What other processes have in hand does not count, nor what is paused or due later.
        `more_comes` says whether messages are about to be sent, by schedules that were missed.
        Raises the store's errors.
        """
        while True:
            before = sum(desk.claimed for desk in self.desks)
            if not more_comes() and not self._has_some():
                if (await store.poll()).changed:  # the poller will not hear of it any more
                    for desk in self.desks:
                        desk.bell.wake()
                queues = await store.statistics()
                after = sum(desk.claimed for desk in self.desks)
                if before == after and not self._has_some() and not self._ready(queues, paused):
                    return
            await trio.sleep(LOOK_EVERY)

    def _has_some(self) -> bool:
        return any(desk.claiming for desk in self.desks) or any(
            endpoint.workload.held for endpoint in self.endpoints
        )

    def _ready(self, queues: Sequence[QueueStatistics], paused: Paused) -> bool:
        here = {desk.channel.name: desk.endpoint_ids for desk in self.desks}
        return any(
            queue.ready
            for queue in queues
            if queue.endpoint in here.get(queue.channel, ())
            and not paused.holds(queue.channel, [queue.endpoint])
        )


def _failures(counts: Counts) -> int:
    return counts.retried + counts.dead + counts.diverted
