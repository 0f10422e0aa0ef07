"""Worker tasks: up to `concurrency` of them run an endpoint's messages side by side.

A worker goes from message to message without a checkpoint of its own, so that a handler that
never waits costs no switch of tasks. A time slice shared by all workers of the process keeps
them from starving the others: past it each of them gives way after the message in hand.
"""

from collections.abc import Awaitable, Callable
from math import inf
from time import perf_counter
from typing import Protocol

import trio

from actorbus._store import Claimed
from actorbus.channels._fairness import WorkerShares
from actorbus.endpoints._workload import Workload

QUANTUM = 0.001
"""Seconds for which a tenant's worker goes on with its messages before the next tenant's turn."""

MOST_IN_A_TURN = 8
"""Messages of a tenant in one turn, at most: those that take no time at all."""


class Run(Protocol):
    """Handles one message; `alone` makes its commit its own."""

    def __call__(self, claimed: Claimed, /, *, alone: bool) -> Awaitable[None]: ...


class StartSoon(Protocol):
    """Starts a task that belongs to the actor's instance."""

    def __call__(self, async_fn: Callable[[], Awaitable[object]], /) -> None: ...


class Slice:
    """The time that workers may use between two turns of the trio run, together.

    It is the processor's time, not the run's clock: it says nothing about messages.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float = 0.002) -> None:
        self.seconds = seconds
        self._end = 0.0

    @property
    def is_over(self) -> bool:
        """Whether a worker should give way now."""
        return perf_counter() >= self._end

    async def give_way(self) -> None:
        """Let everything else run once; the first worker to come back begins the next slice."""
        await trio.lowlevel.checkpoint()
        now = perf_counter()
        if now >= self._end:
            self._end = now + self.seconds


class Workers:
    """The worker tasks of one instance of an endpoint's actor; started when there is work.

    When the workload may start nothing and nothing of it runs any more, one of them raises what
    `why_restart` returns, so that the actor fails and its supervisor decides.
    """

    def __init__(
        self,
        workload: Workload,
        run: Run,
        *,
        start_soon: StartSoon,
        time_slice: Slice,
        why_restart: Callable[[], BaseException],
    ) -> None:
        self._workload = workload
        self._run = run
        self._start_soon = start_soon
        self._slice = time_slice
        self._why_restart = why_restart
        self._parked = trio.lowlevel.ParkingLot()
        self._count = 0
        self._failed = False

    def notify(self) -> None:
        """Wake a worker, or start one; there is work, or a reason to restart."""
        if self._parked:
            self._parked.unpark()
        elif self._count < self._workload.plan.concurrency:
            self._count += 1
            self._start_soon(self._work)

    async def _work(self) -> None:
        workload, run, time_slice = self._workload, self._run, self._slice
        while True:
            since = -inf if workload.flow is None else trio.current_time()
            item = workload.next()
            if item is None:
                self._check_health()
                await self._rest(since)
                continue
            if workload.unstarted or workload.again:
                self.notify()
            else:
                workload.ask_for_more()  # what was unstarted may have kept it from asking
            claimed, alone = item
            await run(claimed, alone=alone)
            if time_slice.is_over:
                await time_slice.give_way()

    async def _rest(self, since: float) -> None:
        """Wait until there is work, or, with a flow, until something may begin.

        `since` is the time before the workload was asked: what opens from then on is not missed.
        """
        flow = self._workload.flow
        if flow is None:
            await self._parked.park()
            return
        with trio.move_on_at(flow.opens_at(self._workload, since)):
            await self._parked.park()

    def _check_health(self) -> None:
        if self._workload.must_restart and not self._failed:
            self._failed = True
            raise self._why_restart()


class SharedWorkers(Workers):
    """Workers of one tenant: each needs one of the channel's shared workers for its turn.

    A turn is a message, and then the next ones that begin within a `QUANTUM`, so that handlers
    which take no time are not outweighed by switching tenants. It is counted in time: a tenant
    whose handlers take longer gets no more of the processor than the others (Shreedhar and
    Varghese, "Efficient fair queuing using deficit round robin", 1995, without the deficits). A
    failure ends the turn: its retry and its history cost more than what the handler took.
    """

    def __init__(
        self,
        workload: Workload,
        run: Run,
        *,
        start_soon: StartSoon,
        time_slice: Slice,
        why_restart: Callable[[], BaseException],
        shares: WorkerShares,
        notify_tenant: Callable[[str], None],
    ) -> None:
        super().__init__(
            workload, run, start_soon=start_soon, time_slice=time_slice, why_restart=why_restart
        )
        self._shares = shares
        self._notify_tenant = notify_tenant

    async def _work(self) -> None:
        key = self._workload.plan.path
        try:
            while True:
                since = -inf if self._workload.flow is None else trio.current_time()
                if not self._may_work(key):
                    self._check_health()
                    await self._rest(since)
                    continue
                await self._work_in_turn()
        finally:
            self._pass_on(self._shares.withdraw(key))

    def _may_work(self, key: str) -> bool:
        if not self._workload.has_next:
            self._pass_on(self._shares.withdraw(key))
            return False
        taken = self._shares.take(key)
        if taken:
            self._pass_on(self._shares.following())
        return taken

    async def _work_in_turn(self) -> None:
        until = trio.current_time() + QUANTUM
        try:
            for _ in range(MOST_IN_A_TURN):
                item = self._workload.next()
                if item is None:
                    break
                if self._workload.has_next:
                    self.notify()
                else:
                    self._workload.ask_for_more()
                claimed, alone = item
                await self._run(claimed, alone=alone)
                if self._workload.failed_last or trio.current_time() >= until:
                    break
        finally:
            self._shares.give_back()
            self._pass_on(self._shares.following())
        if self._slice.is_over:
            await self._slice.give_way()

    def _pass_on(self, following: str | None) -> None:
        if following is not None and following != self._workload.plan.path:
            self._notify_tenant(following)
