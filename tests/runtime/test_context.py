"""What `self.context` gives an actor: children, timers, background tasks; virtual time."""

import pytest
import trio

from actors import Actor, ActorDeadError, ActorSystem, Mailbox, NameTaken
from actors.events import Failed
from supervisors import ChildSpec


class Doing(Actor):
    """Calls the functions that it is sent with itself, and collects the other messages."""

    def __init__(self, seen=None):
        super().__init__()
        self.seen = [] if seen is None else seen

    async def on_receive(self, message):
        if callable(message):
            result = message(self)
            return await result if hasattr(result, "__await__") else result
        if message == "boom":
            raise ValueError
        self.seen.append(message)
        return self.restarts


async def test_children_are_named_and_found_by_path(autojump_clock):
    async with ActorSystem("shop") as system:
        orders = system.spawn(Doing, name="orders")
        seven = await orders.request(lambda self: self.context.spawn(Doing, name="7"))
        assert system["shop/orders/7"] is system["orders/7"] is seven
        assert (seven.path, seven.name) == ("shop/orders/7", "7")
        assert await seven.request(lambda self: self.context.parent) is orders
        assert dict(await orders.request(lambda self: self.context.children)) == {"7": seven}
        with pytest.raises(NameTaken, match="'7'"):
            await orders.request(lambda self: self.context.spawn(Doing, name="7"))
        await seven.stop()
        with pytest.raises(KeyError):
            system["shop/orders/7"]
        assert await orders.request(lambda self: self.context.spawn(Doing, name="7")) != seven


async def test_what_init_raises_is_the_spawners(autojump_clock):
    class Broken(Actor):
        def __init__(self):
            super().__init__()
            raise ValueError("broken")

    class NoSuper(Actor):
        def __init__(self):
            pass

    async with ActorSystem("shop") as system:
        with pytest.raises(ValueError, match="broken"):
            system.spawn(Broken, name="x")
        with pytest.raises(TypeError, match="forget to call super"):
            system.spawn(NoSuper, name="x")
        assert system.spawn(Doing, name="x").is_alive()


async def test_schedule_once_and_every_until_cancelled(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Doing, seen)
        await ref.request(lambda self: self.context.schedule_once(5, "once"))
        timer = await ref.request(lambda self: self.context.schedule_every(2, "tick", initial=1))
        await trio.sleep(6.5)
        timer.cancel()
        await trio.sleep(60)
    assert seen == ["tick", "tick", "once", "tick"]


async def test_timers_and_tasks_end_with_their_instance(autojump_clock):
    seen = []

    async def stand_by():
        try:
            await trio.sleep_forever()
        finally:
            seen.append("task ended")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Doing, seen)
        await ref.request(lambda self: self.context.schedule_once(5, "too late"))
        await ref.request(lambda self: self.context.start_soon(stand_by))
        ref.tell("boom")
        assert await ref.request("up") == 1
        await trio.sleep(60)
        assert seen == ["task ended", "up"]
        assert ref.statistics().timers == ref.statistics().background_tasks == 0


async def test_a_tick_that_finds_the_mailbox_full_is_skipped_and_counted(autojump_clock):
    async def hang(_self):
        await trio.sleep(10)

    async with ActorSystem("shop") as system:
        ref = system.spawn(ChildSpec(Doing, mailbox=Mailbox(1)))
        await ref.request(lambda self: self.context.schedule_every(1, "tick"))
        await ref.request(hang)
        assert ref.statistics().mailbox.skipped >= 8


async def test_a_background_tasks_failure_is_the_actors(autojump_clock, record):
    async def fail():
        await trio.sleep(1)
        raise OSError("background")

    async with ActorSystem("shop") as system:
        failures = record(system, Failed)
        ref = system.spawn(Doing)
        await ref.request(lambda self: self.context.start_soon(fail))
        await trio.sleep(2)
        assert await ref.request("up") == 1
        assert [str(event.exception) for event in failures] == ["background"]


async def test_a_background_task_is_cancelled_and_awaited_when_its_actor_stops(autojump_clock):
    log = []

    async def stand_by():
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            log.append("task ended")

    class Owner(Doing):
        async def on_start(self):
            self.context.start_soon(stand_by, name="stand by")

        async def on_stop(self):
            log.append("on_stop")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Owner)
        await ref.started()
        await ref.stop()
    assert log == ["task ended", "on_stop"]


async def test_the_context_of_a_replaced_instance_refuses(autojump_clock):
    contexts = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Doing)
        await ref.request(lambda self: contexts.append(self.context))
        ref.tell("boom")
        await ref.request("up")
        with pytest.raises(ActorDeadError, match="replaced"):
            contexts[0].schedule_once(1, "late")


async def test_children_and_what_they_were_told_end_with_a_restart_of_their_parent(autojump_clock):
    async with ActorSystem("shop") as system:
        parent = system.spawn(Doing)
        child = await parent.request(lambda self: self.context.spawn(Doing, name="child"))
        parent.tell("boom")
        await parent.request("up")
        assert not child.is_alive()
        assert await parent.request(lambda self: self.context.spawn(Doing, name="child")) != child


async def test_the_tree_is_a_frozen_snapshot_with_what_actors_say_of_themselves(autojump_clock):
    class Described(Doing):
        def describe(self):
            return {"seen": len(self.seen)}

    class Shy(Doing):
        def describe(self):
            raise OSError("shy")

    async with ActorSystem("shop") as system:
        ref = system.spawn(Described, name="a")
        await ref.request(lambda self: self.context.spawn(Shy, name="b"))
        ref.tell("boom")
        await ref.request(1)
        await ref.request(lambda self: self.context.spawn(Shy, name="b"))
        tree = system.tree()
    (a,) = tree.children
    assert (a.path, a.actor_class, a.state, a.restarts) == ("shop/a", Described, "running", 1)
    assert a.mailbox.accepted == 4
    assert dict(a.details) == {"seen": 1}
    assert [one.path for one in tree.walk()] == ["shop/a", "shop/a/b"]
    assert dict(a.children[0].details) == {"error": "OSError('shy')"}


async def test_statistics_of_the_system_count_its_events(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Doing)
        ref.tell("boom")
        await ref.request("up")
        statistics = system.statistics()
    assert statistics.actors == 1
    assert statistics.events["Restarted"] == 1
    assert statistics.supervision.restarts == 1
    assert statistics.supervision.strategy == "OneForOne"


async def test_a_subscriber_that_fails_harms_nobody(autojump_clock):
    def fail(event):
        raise ValueError

    async with ActorSystem("shop") as system:
        seen = []
        system.events.subscribe(fail)
        with system.events.subscribe(seen.append, Failed):
            ref = system.spawn(Doing)
            ref.tell("boom")
            assert await ref.request("up") == 1
        ref.tell("boom")
        assert await ref.request("up") == 2
    assert len(seen) == 1


async def test_an_actor_that_stays_idle_ends_with_its_system(autojump_clock):
    async with ActorSystem("shop") as system:
        refs = [system.spawn(Doing) for _ in range(10)]
    assert not any(ref.is_alive() for ref in refs)


async def test_a_failure_that_was_told_of_is_published_and_not_logged(autojump_clock, caplog):
    def fail(self):
        error = ConnectionError("gone")
        self.context.told_of(error)
        raise error

    caplog.set_level("ERROR", logger="pykka")
    async with ActorSystem("shop") as system:
        failures = []
        system.events.subscribe(failures.append, Failed)
        ref = system.spawn(Doing, name="orders")
        ref.tell(fail)
        assert await ref.request("next") == 1
    assert [str(event.exception) for event in failures] == ["gone"]
    assert caplog.records == []
