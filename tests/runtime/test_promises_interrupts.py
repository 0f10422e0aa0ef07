"""Ctrl-C at any point of a trio run ends the system in order, and is raised as it is.

A profile function sends the signal where Python itself would look for one: when a function begins
and when a call into C returns, at the n-th such point inside the runtime and the body.
"""

import dis
import pathlib
import signal
import sys
import threading

import pytest
import trio

import actors
from actors import Actor, ActorSystem, Supervisor
from actors.events import Overran
from supervisors import ChildSpec, OneForAll

WATCHED = (str(pathlib.Path(actors.__file__).parent), __file__)
LOOKS_AT_SIGNALS = dis.opmap["RESUME"]


only_3_11 = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="each version of Python looks for signals at other points"
)


class Logged(Actor):
    def __init__(self, log):
        super().__init__()
        self.log = log

    async def on_start(self):
        self.log.append(("start", self.context.path))

    async def on_stop(self):
        await trio.lowlevel.checkpoint()
        self.log.append(("stop", self.context.path))

    async def on_receive(self, message):
        return message


async def body(log):
    async with ActorSystem("shop") as system:
        system.events.subscribe(lambda event: log.append(("overran", event.path)), Overran)
        first = system.spawn(Logged, log, name="first")
        children = [ChildSpec(Logged, (log,), name=name) for name in "ab"]
        group = system.spawn(Supervisor, OneForAll(), children, name="group")
        await group.started()
        for number in range(3):
            first.tell(number)
        await first.request("x")
        stopped = first.stop()
        await system["group/b"].request("y")
        await stopped


class Interrupter:
    """Sends SIGINT at the given points, and counts them all."""

    def __init__(self, *points):
        self.points = points
        self.passed = 0

    def __call__(self, frame, event, _argument):
        if event not in {"call", "c_return"} or not frame.f_code.co_filename.startswith(WATCHED):
            return
        if event == "call" and not begins(frame):
            return
        self.passed += 1
        if self.passed in self.points:
            signal.raise_signal(signal.SIGINT)


def begins(frame):
    """Whether a function begins, and is not resumed after an await: there signals wait."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return at >= 0 and code[at] == LOOKS_AT_SIGNALS and code[at + 1] < 2


def interrupted_at(*points):
    """Run the body; return its log, what it raised, and how many points it passed."""
    log, raised, interrupter = [], None, Interrupter(*points)
    sys.setprofile(interrupter)
    try:
        trio.run(body, log)
    except BaseException as error:
        raised = error
    finally:
        sys.setprofile(None)
    return log, raised, interrupter.passed


@pytest.fixture(autouse=True)
def _default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def check(log, raised):
    assert type(raised) is KeyboardInterrupt
    assert [path for what, path in log if what == "overran"] == []
    started = [path for what, path in log if what == "start"]
    stopped = [path for what, path in log if what == "stop"]
    assert sorted(started) == sorted(stopped)
    assert [one for one in threading.enumerate() if one.name.startswith("actors-shop")] == []


@only_3_11
def test_an_interrupt_at_any_point_ends_the_system_in_order(rng):
    log, raised, points = interrupted_at()
    assert raised is None
    assert len(log) == 6
    for point in rng.sample(range(1, int(points * 0.9)), 60):
        log, raised, passed = interrupted_at(point)
        if passed >= point:
            check(log, raised)


@only_3_11
def test_a_second_interrupt_changes_nothing(rng):
    _, _, points = interrupted_at()
    for _ in range(40):
        first = rng.randrange(1, int(points * 0.9))
        log, raised, passed = interrupted_at(first, first + rng.randrange(1, 200))
        if passed >= first:
            check(log, raised)


def test_an_interrupt_while_the_system_is_left_waits_for_the_end():
    class Slow(Logged):
        async def on_stop(self):
            signal.raise_signal(signal.SIGINT)
            await super().on_stop()

    async def main():
        async with ActorSystem("shop") as system:
            await system.spawn(Slow, log).started()

    log = []
    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert [what for what, _ in log] == ["start", "stop"]


def test_an_interrupt_of_a_background_task_is_the_bodys():
    class Busy(Logged):
        async def on_start(self):
            await super().on_start()
            self.context.start_soon(self.task)

        async def task(self):
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()

    async def main():
        async with ActorSystem("shop") as system:
            system.spawn(Busy, log)
            await trio.sleep_forever()

    log = []
    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert [what for what, _ in log] == ["start", "stop"]
