"""Every actor ends once, in whatever state it is told to, and leaves nothing behind."""

import collections
import contextlib
import gc
import random
import threading
import time
import weakref

import pytest
import trio

from actors import (
    Actor,
    ActorDeadError,
    ActorRestarted,
    ActorSystem,
    BlockingActor,
    MailboxFull,
    Supervisor,
    Timeout,
)
from actors._cell import Cell
from actors.events import DeadLetter, Stopped, Undelivered
from actors.testing import VirtualClock
from supervisors import Backoff, ChildSpec, OneForAll, OneForOne, RestForOne, Status


@pytest.fixture
def clock():
    """Virtual time, also while handlers run on threads."""
    return VirtualClock()


# -- stop and kill in every state --------------------------------------------------------------


class Phased(Actor, shutdown_timeout=2.0):
    """Takes ten seconds in one phase of its life; "boom" fails."""

    def __init__(self, slow):
        super().__init__()
        self.slow = slow

    async def take_time(self, phase):
        if phase == self.slow:
            await trio.sleep(10)

    async def on_start(self):
        await self.take_time("on_start")

    async def on_receive(self, message):
        if message == "boom":
            raise ValueError
        await self.take_time("on_receive")

    async def on_failure(self, *exc_info):
        await self.take_time("on_failure")

    async def on_stop(self):
        await self.take_time("on_stop")


class PlainPhased(Phased):
    """The same on threads, where a hook that takes time waits for the system's time to pass."""

    def take_time(self, phase):
        if phase == self.slow:
            self.context.system.run(trio.sleep, 10).get()

    def on_start(self):
        self.take_time("on_start")

    def on_receive(self, message):
        if message == "boom":
            raise ValueError
        self.take_time("on_receive")

    def on_failure(self, *exc_info):
        self.take_time("on_failure")

    def on_stop(self):
        self.take_time("on_stop")


STATES = {  # the phase that takes time, what it is told, and the state that this brings it to
    "starting": ("on_start", [], Status.STARTING),
    "idle": ("", [], Status.RUNNING),
    "busy": ("on_receive", ["work"], Status.RUNNING),
    "taken down": ("on_failure", ["boom"], Status.RESTARTING),
    "backing off": ("", ["boom"], Status.BACKING_OFF),
}


@pytest.mark.parametrize("kind", [Phased, PlainPhased])
@pytest.mark.parametrize("how", ["stop", "kill", "stop twice", "stop and kill", "parent", "system"])
@pytest.mark.parametrize("state", STATES)
async def test_it_ends_once_whenever_it_is_told_to(kind, how, state, clock, record):
    slow, messages, expected = STATES[state]
    backoff = Backoff(initial=30, jitter=0, first_immediate=False)
    async with ActorSystem("shop", shutdown_timeout=60) as system:
        stopped = record(system, Stopped)
        children = [ChildSpec(kind, (slow,), name="child", shutdown_timeout=2.0)]
        parent = system.spawn(Supervisor, OneForOne(backoff=backoff), children, name="parent")
        await trio.sleep(1)
        ref = system["parent/child"]
        for message in messages:
            ref.tell(message)
        await trio.sleep(1)
        assert ref.statistics().state is expected
        waiting = ref.request("behind")
        ends = [ref.terminated()]
        if "stop" in how:
            ends += [ref.stop() for _ in range(2 if "twice" in how else 1)]
        if "kill" in how:
            ref.kill()
        if how == "parent":
            ends.append(parent.stop())
        if how != "system":
            with trio.fail_after(100):
                for end in ends:
                    await end
    assert [event.path for event in stopped].count("shop/parent/child") == 1
    assert not ref.is_alive()
    with trio.fail_after(1), contextlib.suppress(ActorDeadError):
        await waiting
    with pytest.raises(ActorDeadError):
        ref.tell("too late")
    assert await ref.stop() is False
    await ref.terminated()


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("strategy", [OneForAll, RestForOne])
@pytest.mark.parametrize("whom", "abc")
async def test_a_member_may_end_at_any_moment_of_a_groups_restart(
    how, strategy, whom, autojump_clock, record
):
    """Each second of a restart that takes its members 1 s to stop, waits 3 s, and 1 s to start."""
    for moment in range(10):
        backoff = Backoff(initial=3, jitter=0, first_immediate=False)
        async with ActorSystem("shop") as system:
            stopped = record(system, Stopped)
            children = [ChildSpec(Member, name=name) for name in "abc"]
            await system.spawn(
                Supervisor, strategy(backoff=backoff), children, name="group"
            ).started()
            refs = {name: system[f"group/{name}"] for name in "abc"}
            refs["b"].tell("boom")
            await trio.sleep(moment + 0.5)
            refs[whom].kill() if how == "kill" else refs[whom].stop()
            with trio.fail_after(30):
                await refs[whom].terminated()
                for name in set("abc") - {whom}:
                    assert await refs[name].request("alive?") == name
            assert [event.path for event in stopped] == [f"shop/group/{whom}"]


class Member(Actor):
    async def on_start(self):
        await trio.sleep(1)
        self.context.start_soon(self.linger)

    async def linger(self):
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    async def on_receive(self, message):
        if message == "boom":
            raise ValueError
        return self.context.name


# -- many threads ------------------------------------------------------------------------------


class Counted(Actor):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    async def on_receive(self, message):
        self.seen.append(message)
        if message[0] == "boom":
            raise ValueError
        return message


class PlainCounted(Counted):
    def on_receive(self, message):
        self.seen.append(message)
        if message[0] == "boom":
            raise ValueError
        return message


class BlockingCounted(PlainCounted, BlockingActor):
    pass


class Crowd:
    """Threads that do everything to everybody, while groups restart and the system ends."""

    def __init__(self, system, seed):
        self.system, self.seed = system, seed
        self.seen, self.lost = collections.deque(), collections.deque()
        self.accepted, self.replies = collections.deque(), collections.deque()
        self.errors = collections.deque()
        system.events.subscribe(lambda event: self.lost.append(event.message), DeadLetter)
        system.events.subscribe(lambda event: self.lost.extend(event.messages), Undelivered)
        self.refs = []

    def spawn(self, rng):
        strategy = rng.choice([OneForOne, OneForAll, RestForOne])
        limits = strategy(None, on_give_up="stop", backoff=None)
        specs = [ChildSpec(self.kind(rng), (self.seen,), name=name) for name in "abcd"]
        self.system.spawn(Supervisor, limits, specs, name="group").started().get(timeout=10)
        self.refs += [self.system[f"group/{name}"] for name in "abcd"]
        self.refs += [self.system.spawn(self.kind(rng), self.seen) for _ in range(3)]

    @staticmethod
    def kind(rng):
        return rng.choice([Counted, PlainCounted, BlockingCounted])

    def run(self, number):
        rng = random.Random(f"{self.seed}:{number}")
        for step in range(200):
            message = ("boom" if rng.random() < 0.03 else "ok", number, step)
            try:
                self.act(rng, rng.choice(self.refs), message)
            except (ActorDeadError, MailboxFull, ActorRestarted, ValueError):
                continue
            except Exception as error:
                self.errors.append(error)

    def act(self, rng, ref, message):
        chance = rng.random()
        if chance < 0.6:
            ref.tell(message)
            self.accepted.append(message)
        elif chance < 0.92:
            self.replies.append(ref.ask(message, block=False))
        elif chance < 0.94:
            self.replies.append(ref.stop(block=False))
        elif chance < 0.95:
            ref.kill()
        elif chance < 0.97:
            self.refs.append(self.system.spawn(self.kind(rng), self.seen))
        elif chance < 0.98:
            self.system.tree()
        else:
            ref.ask(message, timeout=10)


def resolved(reply):
    try:
        reply.get(timeout=0)
    except Timeout:
        return False
    except Exception:
        return True
    return True


@pytest.mark.parametrize("ends", ["after them", "beneath them"])
def test_threads_that_do_everything_at_once_lose_nothing_and_wait_for_nothing(ends, rng):
    for _ in range(8):
        with ActorSystem("shop", seed=0) as system:
            crowd = Crowd(system, rng.random())
            crowd.spawn(rng)
            threads = [threading.Thread(target=crowd.run, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            if ends == "after them":
                for thread in threads:
                    thread.join()
            else:
                while len(crowd.accepted) < 100:
                    time.sleep(0)
        for thread in threads:
            thread.join()
        known = {*crowd.seen, *crowd.lost}
        assert not crowd.errors
        assert [message for message in crowd.accepted if message not in known] == []
        assert [reply for reply in crowd.replies if not resolved(reply)] == []
        assert [ref for ref in crowd.refs if ref.is_alive()] == []


# -- nothing is kept ---------------------------------------------------------------------------


class Heavy(Actor):
    def __init__(self, born):
        super().__init__()
        born.append(weakref.ref(self))

    async def on_start(self):
        self.context.schedule_every(1_000, "tick")
        self.context.start_soon(trio.sleep_forever)

    async def on_receive(self, message):
        if message == "boom":
            raise ValueError
        return message


class PlainHeavy(Heavy):
    def on_receive(self, message):
        if message == "boom":
            raise ValueError
        return message


def alive(references):
    gc.collect()
    return sum(reference() is not None for reference in references)


def cells_alive():
    gc.collect()
    return sum(type(one) is Cell for one in gc.get_objects())


@pytest.mark.parametrize("kind", [Heavy, PlainHeavy])
async def test_instances_that_were_replaced_are_released(kind):
    born = []
    async with ActorSystem("shop", strategy=OneForOne(None, backoff=None)) as system:
        ref = system.spawn(kind, born)
        for _ in range(10):
            for _ in range(100):
                ref.tell("boom")
            await ref.request("done")
        assert len(born) == 1_001
        # the current one, and what a thread's last failure may still hold
        assert alive(born) <= 2
        assert ref.statistics().timers == 1
        assert ref.statistics().background_tasks == 1
        assert len(system._timers._heap) < 200


@pytest.mark.parametrize("kind", [Heavy, PlainHeavy])
async def test_actors_that_have_ended_are_released(kind):
    born, cells = [], cells_alive()
    async with ActorSystem("shop") as system:
        refs = ref = None
        for _ in range(20):
            refs = [system.spawn(kind, born) for _ in range(50)]
            for ref in refs:
                await ref.request("x")
            for ref in refs:
                await ref.stop()
        del refs, ref
        assert len(born) == 1_000
        assert alive(born) <= 1
        assert cells_alive() - cells <= 1  # the frame of a thread may not have left its last job
        assert system.statistics().actors == 0
        assert len(system._nursery.child_tasks) == 1
        assert len(system._timers._heap) < 200


async def test_requests_leave_nothing_behind():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Heavy, [])
        replies, reply = [], None
        for number in range(300):
            reply = ref.request(number, timeout=100)
            replies.append(weakref.ref(reply))
            if number % 3:
                await reply
            else:
                with trio.move_on_after(0):
                    await reply
        await ref.request("last")
        del reply
        assert alive(replies) == 0


def test_a_system_that_was_never_entered_is_collected_without_a_warning():
    system = weakref.ref(ActorSystem("shop"))
    assert alive([system]) == 0


def test_an_actor_that_was_made_but_not_spawned_is_collected():
    actor = weakref.ref(Heavy([]))
    assert alive([actor]) == 0
