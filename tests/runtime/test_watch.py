"""Death watch, in virtual time."""

import pykka
import pytest
import trio

from actors import Actor, ActorSystem, Terminated


class Target(Actor):
    async def on_receive(self, message):
        if message == "boom":
            raise ValueError
        return self.restarts


class Watcher(Actor):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    async def on_receive(self, message):
        match message:
            case ("watch", ref):
                self.context.watch(ref)
            case ("unwatch", ref):
                self.context.unwatch(ref)
            case "boom":
                raise ValueError
            case "wait":
                await trio.sleep(1)
                self.seen.append("waited")
            case _:
                self.seen.append(message)


async def test_a_watcher_sees_nothing_on_restart_and_one_notice_on_stop(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        target, watcher = system.spawn(Target), system.spawn(Watcher, seen)
        for _ in range(2):
            await watcher.request(("watch", target))
        target.tell("boom")
        assert await target.request("?") == 1
        assert seen == []

        await target.stop()
        await trio.sleep(1)
        assert seen == [Terminated(target)]


async def test_watching_the_dead_gives_one_notice(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        target, watcher = system.spawn(Target), system.spawn(Watcher, seen)
        await target.stop()
        await watcher.request(("watch", target))
        await trio.sleep(1)
        assert seen == [Terminated(target)]


async def test_notices_come_ahead_of_messages_that_wait(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        target, watcher = system.spawn(Target), system.spawn(Watcher, seen)
        await watcher.request(("watch", target))
        for message in ["wait", "first", "second"]:
            watcher.tell(message)
        await trio.sleep(0.5)
        await target.stop()
        await watcher.request("last")
        assert seen == ["waited", Terminated(target), "first", "second", "last"]


async def test_unwatching_and_the_watchers_own_restart_end_a_watch(autojump_clock):
    for end in ["unwatch", "boom"]:
        seen = []
        async with ActorSystem("shop") as system:
            target, watcher = system.spawn(Target), system.spawn(Watcher, seen)
            await watcher.request(("watch", target))
            watcher.tell((end, target) if end == "unwatch" else end)
            await trio.sleep(1)
            await target.stop()
            await trio.sleep(1)
            assert seen == []


async def test_terminated_is_settled_for_those_who_are_no_actors(autojump_clock):
    async with ActorSystem("shop") as system:
        target = system.spawn(Target)
        waiting = target.terminated()
        await target.stop()
        await waiting
        await target.terminated()


async def test_a_plain_watcher_whose_first_message_is_the_notice_gets_it():
    seen = []

    class Plain(Actor):
        async def on_start(self):
            self.context.watch(target)

        def on_receive(self, message):
            seen.append(message)
            return self.restarts

    async with ActorSystem("shop") as system:
        target = system.spawn(Target)
        watcher = system.spawn(Plain)
        await watcher.started()
        await target.stop()
        await watcher.request("end")
        assert seen == [Terminated(target), "end"]
        assert watcher.statistics().mailbox.taken == 1


async def test_an_actor_of_pykkas_own_cannot_be_watched_and_the_error_says_so():
    class Theirs(pykka.ThreadingActor):
        pass

    theirs = Theirs.start()
    async with ActorSystem("shop") as system:
        watcher = system.spawn(Watcher, [])
        with pytest.raises(TypeError, match=r"Theirs.*cannot be watched.*actors\.ActorRef"):
            await watcher.request(("watch", theirs))
        with pytest.raises(TypeError, match="None cannot be watched"):
            await watcher.request(("unwatch", None))
    theirs.stop()
