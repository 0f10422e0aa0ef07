"""What the store needs done again and again, each by an actor of its own under /store.

    poller       makes due messages ready, drops expired ones, notices other processes
    lease        renews this process's lease, and takes back what dead processes had claimed
    watch        restarts an intake that claims nothing although it could
    unknown      parks messages whose endpoint no process has, and lets them go on
    snapshots    writes the supervision tree beside the lease, for `actorbus tree`
    scheduler    sends the ticks of schedules that are due (`schedules`)
    purge        forgets deduplication keys that are older than the retention

One that fails, since the store does, is restarted alone under its backoff.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf

import trio

from actorbus._bus_events import StoreTrouble
from actorbus._store import Store, StoreError
from actorbus.channels._channels import lasting
from actorbus.consuming._pauses import Pause
from actorbus.sending._replies import Replies
from actors import Actor
from actors.events import Event
from supervisors import ChildSpec, OneForOne

Work = Callable[[], Awaitable[float]]
"""Does its work once, and returns in how many seconds it wants to be called again."""

STORE = "store"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to be done again and again, by the actor of this name."""

    name: str
    work: Work


class Alarm:
    """When a task is done again: at the time that it planned, or earlier if someone asks.

    Who asks while it is being done is heard too: that may have been too late for this time. It
    rests for `rest` seconds after each time, so that a thousand wishes within them are one.
    """

    def __init__(self, rest: float = 0.0) -> None:
        self._rest = rest
        self._scope: trio.CancelScope | None = None
        self._asked = inf
        self._earliest = 0.0

    def due_in(self, delay: float) -> None:
        """Have it done in `delay` seconds, at the latest."""
        self._asked = min(self._asked, trio.current_time() + delay)
        if self._scope is not None:
            at = min(self._scope.deadline, self._asked)
            self._scope.deadline = max(at, self._earliest)

    async def sleep(self, seconds: float) -> None:
        """Sleep until then, or earlier."""
        now = trio.current_time()
        self._earliest = now + self._rest
        until = min(self._asked, now + seconds)
        with trio.move_on_at(max(until, self._earliest)) as self._scope:
            await trio.sleep_forever()
        self._scope, self._asked = None, inf


@dataclass(frozen=True, slots=True)
class Done:
    """The work succeeded. Handling it is the success that lets the backoff start afresh."""


class Repeater(Actor, restart="permanent", runs_on="trio"):
    """Does one task again and again; a failure of it is the actor's."""

    def __init__(self, task: Task, alarm: Alarm, publish: Callable[[Event], None]) -> None:
        super().__init__()
        self._task = task
        self._alarm = alarm
        self._publish = publish
        self.done = 0

    async def on_start(self) -> None:
        """Begin."""
        self.context.start_soon(self._repeat)

    async def on_receive(self, message: Done) -> None:
        """Note a success: there is nothing else to do."""

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        return {"kind": self._task.name, "done": self.done}

    async def _repeat(self) -> None:
        while True:
            again_in = await self._work()
            self.done += 1
            if self.done == 1:
                self.context.ref.tell(Done())
            await self._alarm.sleep(again_in)

    async def _work(self) -> float:
        try:
            return await self._task.work()
        except StoreError as error:
            self._publish(StoreTrouble(self.context.path, trio.current_time(), error))
            raise


class StoreActor(Actor, restart="permanent", runs_on="trio"):
    """Supervises what is done for the store."""

    strategy = OneForOne(max_restarts=None)

    def __init__(
        self, tasks: Mapping[str, tuple[Task, Alarm]], publish: Callable[[Event], None]
    ) -> None:
        super().__init__()
        self._tasks = tasks
        self._publish = publish

    async def on_start(self) -> None:
        """Start them."""
        for name, (task, alarm) in self._tasks.items():
            self.context.spawn(lasting(Repeater, task, alarm, self._publish, name=name))

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        return {"kind": STORE}


def store_spec(
    tasks: Mapping[str, tuple[Task, Alarm]], publish: Callable[[Event], None]
) -> ChildSpec:
    """Return the spec of the actor /store."""
    return lasting(StoreActor, tasks, publish, name=STORE)


class Polling:
    """The poller's work. It looks again when something comes due, and `at_most` seconds later.

    While other processes are busy it looks more often: the pause grows from `at_least` on with
    each time that nothing had changed. It does not grow while an answer is awaited.
    """

    def __init__(
        self,
        store: Store,
        wake: Callable[[], None],
        heed: Callable[[tuple[Pause, ...]], None],
        tune: Callable[[int], Awaitable[None]],
        replies: Replies | None = None,
        *,
        at_least: float,
        at_most: float,
    ) -> None:
        self._store = store
        self._wake = wake
        self._replies = replies
        self._heed = heed
        self._tune = tune
        self._at_least = at_least
        self._at_most = at_most
        self._pause = at_least

    async def __call__(self) -> float:
        """Poll once."""
        poll = await self._store.poll()
        self._heed(poll.pauses)
        await self._tune(poll.supervised)
        if poll.changed:
            self._wake()
            self._pause = self._at_least
            if self._replies is not None:
                await self._replies.fetch()
        elif self._replies is not None and self._replies.awaited:
            self._pause = self._at_least
        else:
            self._pause = min(self._pause * 2, self._at_most)
        times = [poll.next_due, *(pause.until for pause in poll.pauses)]
        due = min((time for time in times if time is not None), default=inf)
        return min(self._pause, max(due - self._store.now(), 0.001))
