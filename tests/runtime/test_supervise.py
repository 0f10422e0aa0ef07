"""Changing how running actors are supervised: what is decided next is decided anew."""

import pytest
import trio

from actors import Actor, ActorDeadError, ActorSystem, Supervisor
from actors.events import BackingOff, Restarted, Stopped, SupervisionReplaced
from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Directive,
    Intensity,
    OneForAll,
    OneForOne,
    RestForOne,
)

SLOW = Backoff(initial=5.0, factor=1.0, maximum=5.0, jitter=0.0, first_immediate=False)
QUICK = Backoff(initial=1.0, factor=1.0, maximum=1.0, jitter=0.0, first_immediate=False)


class Worker(Actor, restart="permanent"):
    async def on_receive(self, message):
        if message == "fail":
            raise ValueError(message)
        return message


@pytest.fixture
def clock(autojump_clock):
    return autojump_clock


def make_system():
    return ActorSystem("shop", strategy=OneForOne(max_restarts=None, backoff=SLOW))


class Heard:
    """The events of some types, and what waits for them."""

    def __init__(self, system, *types):
        self.events = []
        self._more = trio.Event()
        system.events.subscribe(self._hear, *types)

    def _hear(self, event):
        self.events.append(event)
        self._more.set()

    async def count(self, number):
        while len(self.events) < number:
            self._more = trio.Event()
            await self._more.wait()


async def test_the_next_failure_is_decided_by_the_new_backoff(clock):
    """The instance stays, and what waits in the mailbox is handled."""
    async with make_system() as system:
        waits, replaced = Heard(system, BackingOff), Heard(system, SupervisionReplaced)
        worker = system.spawn(Worker, name="worker")
        await worker.started()
        system.supervise("worker", backoff=QUICK)
        assert worker.supervision.backoff == QUICK
        worker.tell("fail")
        assert await worker.request("after it") == "after it"
        (event,) = replaced.events
        assert (event.path, event.old.backoff, event.new.backoff) == ("shop/worker", None, QUICK)
        assert [one.delay for one in waits.events] == [1.0]


async def test_a_wait_that_has_begun_is_finished_as_it_was(clock):
    async with make_system() as system:
        waits, restarts = Heard(system, BackingOff), Heard(system, Restarted)
        worker = system.spawn(Worker, name="worker")
        worker.tell("fail")
        await waits.count(1)
        system.supervise(worker, backoff=QUICK)
        await restarts.count(1)
        assert restarts.events[0].time - waits.events[0].time == pytest.approx(5.0)


async def test_a_strategy_outlives_the_restarts_of_its_supervisor(clock):
    specs = [ChildSpec(Worker, name=name, restart="permanent") for name in ("one", "two")]
    async with make_system() as system:
        heard = Heard(system, Restarted)
        family = system.spawn(
            ChildSpec(Supervisor, args=(OneForOne(max_restarts=None), specs), name="family")
        )
        await family.started()
        system.supervise("family", OneForAll(max_restarts=0, backoff=None))
        system["family/one"].tell("fail")  # more than none: the supervisor is restarted
        await heard.count(1)
        assert heard.events[0].path == "shop/family"
        assert family.supervision.strategy == OneForAll(
            max_restarts=0, backoff=None, on_give_up="escalate"
        )
        system.supervise(family, OneForAll(max_restarts=None, backoff=None))
        system["family/one"].tell("fail")
        await heard.count(3)
        assert {event.path for event in heard.events[1:]} == {"shop/family/one", "shop/family/two"}


async def test_the_limit_of_restarts_of_a_system_can_be_replaced(clock):
    async with make_system() as system:
        ended = Heard(system, Stopped)
        worker = system.spawn(Worker, name="worker")
        await worker.started()
        told = Heard(system, SupervisionReplaced)
        system.supervise("", OneForOne(max_restarts=0))
        await told.count(1)
        assert told.events[0].path == "shop"
        assert (told.events[0].old.max_restarts, told.events[0].new.max_restarts) == (None, 0)
        worker.tell("fail")
        await ended.count(1)
        assert ended.events[0].reason == "gave up"
        with pytest.raises(ActorDeadError):
            system.supervise(worker, backoff=QUICK)


async def test_what_could_not_be_declared_is_refused_and_changes_nothing(clock):
    specs = [ChildSpec(Worker, name="one", intensity=Intensity(5))]
    async with make_system() as system:
        family = system.spawn(ChildSpec(Supervisor, args=(OneForOne(), specs), name="family"))
        await family.started()
        before = family.supervision
        with pytest.raises(ConfigurationError, match="counts restarts for all its children"):
            system.supervise("family", OneForAll())
        with pytest.raises(ConfigurationError, match="backoff=3 is not allowed"):
            system.supervise("family/one", backoff=3)
        with pytest.raises(ConfigurationError, match="strategy='one' is not allowed"):
            system.supervise("family", "one")
        with pytest.raises(ConfigurationError, match="mailbox= is not known"):
            system.supervise("family", mailbox=3)
        with pytest.raises(ConfigurationError, match="give a strategy alone"):
            system.supervise("")
        with pytest.raises(KeyError):
            system.supervise("nobody", backoff=QUICK)
        assert family.supervision == before


async def test_what_an_actor_has_of_its_own_is_taken_from_its_parent_again(clock):
    async with make_system() as system:
        waits = Heard(system, BackingOff)
        worker = system.spawn(Worker, name="worker")
        system.supervise(worker, backoff=QUICK, intensity=Intensity(None))
        system.supervise(worker, backoff=None)
        worker.tell("fail")
        await waits.count(1)
        assert waits.events[0].delay == 5.0
        assert worker.supervision.intensity == Intensity(None)


async def test_what_is_changed_after_a_failure_counts_as_well(clock):
    """An actor that has failed before has a history; its options are still those of now."""
    async with make_system() as system:
        waits, ended = Heard(system, BackingOff), Heard(system, Stopped)
        worker = system.spawn(Worker, name="worker")
        worker.tell("fail")
        await waits.count(1)
        system.supervise(worker, backoff=QUICK)
        worker.tell("fail")
        await waits.count(2)
        system.supervise(worker, decider={ValueError: Directive.Stop})
        worker.tell("fail")
        await ended.count(1)
        assert [one.delay for one in waits.events] == [5.0, 1.0]


async def test_who_waits_for_the_restart_of_a_group_comes_back_under_another_strategy(clock):
    """`one` is down with its group when `two` fails, whose new strategy leaves `one` alone."""
    specs = [ChildSpec(Worker, name=name, restart="permanent") for name in ("one", "two", "three")]
    async with make_system() as system:
        waits, restarts = Heard(system, BackingOff), Heard(system, Restarted)
        family = ChildSpec(Supervisor, args=(OneForOne(backoff=QUICK), specs), name="family")
        await system.spawn(family).started()
        system["family/two"].tell("fail")
        await waits.count(1)
        system.supervise("family", OneForAll(backoff=SLOW))
        system["family/three"].tell("fail")
        await restarts.count(1)  # of `two`, whose wait is finished as it was
        system.supervise("family", RestForOne(backoff=QUICK))
        system["family/two"].tell("fail")
        for name in ("one", "two", "three"):
            assert await system[f"family/{name}"].request(name) == name
        assert [one.path.rpartition("/")[2] for one in restarts.events] == [
            "two",
            "one",
            "two",
            "three",
        ]
