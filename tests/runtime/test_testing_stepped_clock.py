"""actors.testing: time that passes as far as a test on another thread lets it."""

from contextlib import ExitStack

import pytest
import trio

from actors import Actor, ActorSystem
from actors.testing import SteppedClock


class Sleeper(Actor):
    """Sleeps for as many seconds as it is told, and notes when it woke."""

    def __init__(self, woke):
        super().__init__()
        self.woke = woke

    async def on_receive(self, seconds):
        await trio.sleep(seconds)
        self.woke.append(trio.current_time())
        return seconds


@pytest.fixture
def clock():
    return SteppedClock()


@pytest.fixture
def woke():
    return []


@pytest.fixture
def system(clock):
    with ExitStack() as stack:
        yield stack.enter_context(ActorSystem("stepped", clock=clock))
        with clock.flowing(works=False):
            stack.close()


def test_time_stands_still_until_it_is_let_pass(system, clock, woke):
    sleeper = system.spawn(Sleeper, woke)
    sleeper.tell(10.0)
    clock.settle()
    assert (clock.current_time(), woke) == (0.0, [])

    clock.advance(9.5)
    assert (clock.current_time(), woke) == (9.5, [])

    clock.advance(0.5)
    assert (clock.current_time(), woke) == (10.0, [10.0])


def test_what_comes_due_happens_in_its_order(system, clock, woke):
    for seconds in (3.0, 1.0, 2.0):
        system.spawn(Sleeper, woke).tell(seconds)
    clock.advance(60.0)

    assert woke == [1.0, 2.0, 3.0]
    assert clock.current_time() == 60.0


def test_a_step_goes_to_the_next_deadline(system, clock, woke):
    system.spawn(Sleeper, woke).tell(5.0)
    clock.settle()
    while not woke:
        clock.step(at_most=60.0)

    assert woke == [5.0]


def test_time_flows_while_a_thread_waits_for_a_reply(system, clock, woke):
    sleeper = system.spawn(Sleeper, woke)
    with clock.flowing():
        assert sleeper.ask(3600.0) == 3600.0
        at = clock.current_time()

    assert at == 3600.0
    clock.settle()
    assert clock.current_time() == 3600.0


def test_a_thread_that_works_keeps_time_from_passing(system, clock, woke):
    """Time passes while it waits for an answer, and not while it does something with that."""
    sleeper = system.spawn(Sleeper, woke)
    with clock.flowing():
        sleeper.tell(60.0)
        sleeper.ask(1.0)
        at = clock.current_time()
        sleeper.tell(60.0)
        assert sum(range(100_000)) > 0
        assert clock.current_time() == at

    assert at == 61.0


def test_who_never_comes_to_rest_is_told(system):
    impatient = SteppedClock(patience=0.05)
    with ActorSystem("busy", clock=impatient) as busy, impatient.hold():
        busy.spawn(Sleeper, [])
        with pytest.raises(TimeoutError, match="still at work after 0.05 s"):
            impatient.advance(1.0)


def test_time_does_not_go_back(clock):
    with pytest.raises(ValueError, match="seconds=-1"):
        clock.advance(-1)
