"""What a running bus does for its store again and again: polls, its lease, snapshots, the rest."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from math import inf

import trio

from actorbus._bus_events import LeaseLost, MessagesTakenBack
from actorbus._store import StoreError
from actorbus.operations._snapshot import snapshot_text
from actorbus.operations._unknown import UnknownEndpoints
from actorbus.operations._watch import ProgressWatch
from actorbus.running._bus_runtime import BusRuntime
from actorbus.running._pace import LEAST_PAUSE, Pace, usual_pace
from actorbus.running._poller import Alarm, Polling, Task
from actorbus.running._surroundings import Surroundings


class Housekeeping:
    """The tasks of a running bus for its store, and what has them done before their time."""

    def __init__(self, runtime: BusRuntime, surroundings: Surroundings) -> None:
        self._runtime = runtime
        self._system = runtime.system
        self._store = runtime.store
        self._scheduler = runtime.scheduler
        self._surroundings = surroundings
        self._snapshots = Alarm()
        self._ticking = Alarm()
        self._rare = [Alarm(), Alarm(), Alarm()]
        path = f"{self._system.name}/store/unknown"
        self._unknown = UnknownEndpoints(
            self._store, surroundings.consumed, surroundings.publish, path
        )

    async def let_go(self) -> None:
        """Let go on what was parked for us: a run may be to end as soon as nothing is ready."""
        if self._surroundings.desks:
            with suppress(StoreError):  # the task "unknown" looks again, and is restarted for it
                await self._unknown.let_go()

    def look_again(self) -> None:
        """Have everything done soon: more is consumed here now."""
        surroundings = self._surroundings
        for alarm in (surroundings.alarm, *self._rare, self._snapshots, self._ticking):
            alarm.due_in(0)

    def look_at_schedules(self) -> None:
        """Have the scheduler look again: somebody has changed a plan."""
        self._ticking.due_in(0)

    def snapshot_soon(self) -> None:
        """Have the supervision tree written: it has changed."""
        self._snapshots.due_in(0)

    def tasks(self) -> dict[str, tuple[Task, Alarm]]:
        """Return what is to be done, each with what wakes it."""
        pace = self._runtime.pace or usual_pace(self._runtime.lease, shared=self._store.is_shared)
        watch_alarm, purge_alarm, unknown_alarm = self._rare
        lease = _each(self._runtime.lease / 4, "lease", self._keep_lease)
        snapshots = Task("snapshots", partial(self._publish_in_measure, pace.snapshots))
        unknown = _each(pace.watch, "unknown", self._unknown.look)
        tasks = {
            "poller": (self._if_consuming(self._poller(pace)), self._surroundings.alarm),
            "lease": (lease, self._surroundings.lease_alarm),
            "watch": (self._if_consuming(self._watch(pace)), watch_alarm),
            "snapshots": (snapshots, self._snapshots),
            "unknown": (self._if_consuming(unknown), unknown_alarm),
            "purge": (self._if_consuming(_each(pace.purge, "purge", self._purge)), purge_alarm),
        }
        if self._scheduler is not None:
            task = self._if_consuming(Task("scheduler", self._scheduler))
            tasks["scheduler"] = task, self._ticking
        return tasks

    def _poller(self, pace: Pace) -> Task:
        surroundings = self._surroundings
        replies = surroundings.replies
        if replies is not None:
            replies.hurry = partial(surroundings.due_in, LEAST_PAUSE)
        wake, heed = surroundings.wake_channels, surroundings.heed
        tune = surroundings.tuned.heed
        polling = Polling(
            self._store, wake, heed, tune, replies, at_least=LEAST_PAUSE, at_most=pace.poll
        )
        return Task("poller", polling)

    def _watch(self, pace: Pace) -> Task:
        watch = ProgressWatch(self._store, self._system, lambda: self._surroundings.desks)
        return _each(pace.watch, "watch", watch.look)

    def _if_consuming(self, task: Task) -> Task:
        """Do a task only while this process consumes something, or waits for answers."""

        async def work() -> float:
            if self._surroundings.desks or self._surroundings.replies is not None:
                return await task.work()
            return inf

        return Task(task.name, work)

    async def _keep_lease(self) -> None:
        path, publish = f"{self._system.name}/store/lease", self._surroundings.publish
        if not await self._store.renew():
            dropped = sum(endpoint.workload.forget() for endpoint in self._surroundings.endpoints)
            publish(LeaseLost(path, trio.current_time(), dropped))
        if self._surroundings.stood_still():
            self._go_on()
        count = await self._store.take_back()
        if count:
            publish(MessagesTakenBack(path, trio.current_time(), count))
            self._surroundings.wake_channels()

    def _go_on(self) -> None:
        """Wake what stood still while there was no lease."""
        for endpoint in self._surroundings.endpoints:
            endpoint.workload.notify()
        self._surroundings.wake_channels()

    async def _publish_in_measure(self, interval: float) -> float:
        """Publish it, and return when it is due again: it takes a hundredth of the time at most."""
        start = time.perf_counter()
        await self.publish_snapshot()
        return max(interval, 100 * (time.perf_counter() - start))

    async def publish_snapshot(self) -> None:
        """Write the supervision tree beside the lease, for `actorbus tree`."""
        reaches = self._runtime.reaches
        text = snapshot_text(
            self._system, self._surroundings.endpoints, self._surroundings.consumed(), reaches
        )
        await self._store.publish_process(text)

    async def _purge(self) -> None:
        await self._store.purge(self._runtime.deduplicate_for)


def _each(interval: float, name: str, work: Callable[[], Awaitable[None]]) -> Task:
    async def once() -> float:
        await work()
        return interval

    return Task(name, once)
