"""How actors and systems end, in virtual time."""

import pytest
import trio

from actors import Actor, ActorDeadError, ActorSystem, Supervisor
from actors.events import DeadLetter, Overran, Stopped, Undelivered
from supervisors import ChildSpec


class Logging(Actor):
    def __init__(self, tag, log, stop_takes=0.0):
        super().__init__()
        self.tag, self.log, self.stop_takes = tag, log, stop_takes

    async def on_receive(self, message):
        if isinstance(message, int | float):
            await trio.sleep(message)
        self.log.append((self.tag, message))

    async def on_stop(self):
        await trio.sleep(self.stop_takes)
        self.log.append(f"stopped {self.tag}")


async def test_roots_stop_in_reverse_order_one_by_one(autojump_clock):
    log = []
    async with ActorSystem("shop") as system:
        for tag in "abc":
            system.spawn(Logging, tag, log, 1.0, name=tag)
    assert log == ["stopped c", "stopped b", "stopped a"]


async def test_unnamed_roots_stop_in_reverse_order_too(autojump_clock):
    log = []
    async with ActorSystem("shop") as system:
        for tag in "abc":
            system.spawn(Logging, tag, log)
    assert log == ["stopped c", "stopped b", "stopped a"]


async def test_a_hundred_dynamic_children_of_a_second_each_stop_in_about_a_second(autojump_clock):
    log = []

    class Parent(Actor):
        async def on_start(self):
            for number in range(100):
                self.context.spawn(Logging, number, log, 1.0)

    async with ActorSystem("shop") as system:
        await system.spawn(Parent).started()
        before = trio.current_time()
    assert len(log) == 100
    assert trio.current_time() - before < 1.5


async def test_children_that_overrun_their_time_are_cancelled_and_named(autojump_clock, record):
    log = []
    async with ActorSystem("shop") as system:
        overran, stopped = record(system, Overran), record(system, Stopped)
        children = [
            ChildSpec(Logging, ("quick", log), name="quick"),
            ChildSpec(Logging, ("slow", log, 60.0), name="slow", shutdown_timeout=2.0),
            ChildSpec(Logging, ("hung", log), name="hung", shutdown_timeout=1.0),
        ]
        await system.spawn(Supervisor, children=children, name="s").started()
        system["s/hung"].tell(3600)
        await trio.sleep(0.1)
        before = trio.current_time()
    assert trio.current_time() - before == pytest.approx(3.0)
    assert [(event.path, event.what) for event in overran] == [
        ("shop/s/hung", "a handler"),
        ("shop/s/slow", "on_stop"),
    ]
    assert log == ["stopped quick"]
    assert [event.path for event in stopped][-1] == "shop/s"


async def test_stop_keeps_its_place_behind_what_was_sent_before(autojump_clock, record):
    log = []
    async with ActorSystem("shop") as system:
        letters = record(system, DeadLetter)
        ref = system.spawn(Logging, "a", log)
        for message in "xy":
            ref.tell(message)
        ending = ref.stop()
        ref.tell("z")
        late = ref.request("late")
        assert await ending is True
        assert log == [("a", "x"), ("a", "y"), "stopped a"]
        assert [event.message for event in letters] == ["z"]
        with pytest.raises(ActorDeadError):
            await late
        assert await ref.stop() is False
        with pytest.raises(ActorDeadError):
            ref.tell("too late")


async def test_kill_skips_what_waits_after_the_message_in_hand(autojump_clock, record):
    log = []
    async with ActorSystem("shop") as system:
        letters, stopped = record(system, DeadLetter), record(system, Stopped)
        ref = system.spawn(Logging, "a", log)
        for message in [1.0, "x", "y"]:
            ref.tell(message)
        await trio.sleep(0.5)
        ref.kill()
        await ref.terminated()
        assert log == [("a", 1.0), "stopped a"]
        assert [event.message for event in letters] == ["x", "y"]
        assert [event.reason for event in stopped] == ["killed"]


async def test_what_shutdown_leaves_is_one_event_per_actor_with_its_count(autojump_clock, record):
    async with ActorSystem("shop") as system:
        left = record(system, Undelivered)
        ref = system.spawn(Logging, "a", [])
        for message in [1.0, "x", "y"]:
            ref.tell(message)
        asked = ref.request("asked")
        await trio.sleep(0.5)
    assert [(event.count, event.messages) for event in left] == [(2, ("x", "y"))]
    with pytest.raises(ActorDeadError):
        await asked


async def test_a_draining_actor_handles_the_rest_within_its_time(autojump_clock, record):
    class Draining(Logging, drain=True, shutdown_timeout=5.0):
        pass

    log = []
    async with ActorSystem("shop", shutdown_timeout=60) as system:
        left = record(system, Undelivered)
        ref = system.spawn(Draining, "a", log)
        for _ in range(10):
            ref.tell(1.0)
        await trio.sleep(0.5)
    assert log == [("a", 1.0)] * 5
    assert [event.count for event in left] == [4]


async def test_shutdown_takes_at_most_its_timeout_in_all(autojump_clock):
    async with ActorSystem("shop", shutdown_timeout=3.0) as system:
        for tag in "abc":
            system.spawn(Logging, tag, [], 4.0, name=tag)
        await trio.sleep(1)
        before = trio.current_time()
    assert trio.current_time() - before == pytest.approx(3.0)


async def test_the_exception_of_the_body_arrives_as_raised(autojump_clock):
    with pytest.raises(KeyError) as caught:
        async with ActorSystem("shop") as system:
            system.spawn(Logging, "a", [])
            raise KeyError("mine")
    assert caught.value.__context__ is None


async def test_cancelling_the_scope_around_a_system_leaves_no_task(autojump_clock):
    log = []
    tasks = trio.lowlevel.current_statistics().tasks_living
    with trio.move_on_after(1) as scope:
        async with ActorSystem("shop", shutdown_timeout=5.0) as system:
            for tag in "ab":
                system.spawn(Logging, tag, log, 1.0, name=tag)
            system.spawn(Logging, "hung", log, 3600.0, name="hung")
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert trio.current_time() - 1 <= 5.1


async def test_an_exception_raised_while_cancelled_arrives_as_raised(autojump_clock):
    with pytest.raises(KeyError), trio.move_on_after(1):
        async with ActorSystem("shop") as system:
            system.spawn(Logging, "a", [], 1.0)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")


async def test_after_its_end_a_system_only_raises_actor_dead_error(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Logging, "a", [])
    with pytest.raises(ActorDeadError):
        system.spawn(Logging, "b", [])
    with pytest.raises(ActorDeadError):
        ref.tell(1)
    with pytest.raises(ActorDeadError):
        await ref.request(1)
    assert await ref.stop() is False
    ref.kill()


async def test_a_parent_that_stops_takes_its_children_along_before_itself(autojump_clock):
    log = []

    class Parent(Logging):
        async def on_start(self):
            self.context.spawn(Logging, "child", self.log, 1.0)

    async with ActorSystem("shop") as system:
        parent = system.spawn(Parent, "parent", log)
        await parent.started()
        await parent.stop()
        assert log == ["stopped child", "stopped parent"]


async def test_who_is_cut_off_at_the_end_is_named(autojump_clock, record):
    async with ActorSystem("shop", shutdown_timeout=1.0) as system:
        overran = record(system, Overran)
        ref = system.spawn(Logging, "a", [], 4.0, name="slow")
        asked = ref.request(0)
        await asked
    assert [(event.path, event.what) for event in overran] == [
        ("shop/slow", "the shutdown of its system")
    ]


async def test_work_that_comes_after_the_end_of_a_system_harms_nobody(autojump_clock):
    async with ActorSystem("shop") as system:
        pass
    for late in (lambda: system.run(trio.sleep, 1), lambda: system.call_soon(print)):
        with pytest.raises(ActorDeadError):
            late()
    await trio.sleep(1)
