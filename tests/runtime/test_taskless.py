"""Plain actors without hooks start and end without a trio task; they get one when it matters."""

import threading

import pytest
import trio
import trio.testing

from actors import Actor, ActorDeadError, ActorSystem, Mailbox
from actors.events import DeadLetter, Restarted, Started, Stopped, Undelivered
from supervisors import ChildSpec, OneForAll, OneForOne


class Plain(Actor):
    def on_receive(self, message):
        return message() if callable(message) else message


class Parent(Plain):
    def __init__(self):
        super().__init__()
        self.child = self.context.spawn(Plain, name="child")


def tasks():
    return trio.lowlevel.current_statistics().tasks_living


async def ask(ref, message):
    with trio.fail_after(10):
        return await ref.request(message)


async def test_between_start_and_stop_a_plain_actor_has_no_task(record):
    async with ActorSystem("shop") as system:
        seen = record(system, Started, Stopped)
        await trio.testing.wait_all_tasks_blocked()
        before = tasks()
        refs = [system.spawn(Plain) for _ in range(10)]
        assert [await ask(ref, number) for number, ref in enumerate(refs)] == list(range(10))
        for ref in refs:
            assert await ref.stop()
        assert tasks() == before
        assert system.tree().children == ()
    assert [type(event) for event in seen] == [Started] * 10 + [Stopped] * 10


def test_a_stop_from_a_thread_ends_it_before_it_returns(record):
    with ActorSystem("shop") as system:
        seen = record(system, Stopped)
        ref = system.spawn(Plain, name="a")
        ended = ref.terminated()
        assert ref.stop()
        assert [event.path for event in seen] == ["shop/a"]
        assert ended.done
        assert not ref.is_alive()
        assert system.spawn(Plain, name="a").ask("its name is free") == "its name is free"


def test_a_stop_behind_messages_is_taken_by_the_thread_that_handles_them(record):
    with ActorSystem("shop") as system:
        seen = record(system, DeadLetter)
        ref, entered, go_on = system.spawn(Plain), threading.Event(), threading.Event()

        def block():
            entered.set()
            go_on.wait(10)

        ref.tell(block)
        assert entered.wait(10)
        before = ref.request("before the stop")
        stopped = ref.stop(block=False)
        after = ref.request("behind the stop")
        ref.tell("behind it, too")
        go_on.set()
        assert stopped.get(timeout=10)
        assert before.get(timeout=10) == "before the stop"
        with pytest.raises(ActorDeadError):
            after.get(timeout=10)
        assert [event.message for event in seen] == ["behind it, too"]


async def test_a_failure_gives_it_a_task_that_restarts_it(record):
    def boom():
        raise ValueError("boom")

    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        seen = record(system, Restarted)
        ref = system.spawn(Plain)
        ref.tell(boom)
        assert await ask(ref, "alive") == "alive"
        assert [event.restarts for event in seen] == [1]
        assert await ref.stop()


async def test_kill_and_shutdown_reach_it_at_rest_and_at_work(record):
    entered, go_on = threading.Event(), threading.Event()

    def block():
        entered.set()
        go_on.wait(10)

    async with ActorSystem("shop") as system:
        seen = record(system, Stopped, Undelivered)
        resting, working = system.spawn(Plain, name="resting"), system.spawn(Plain, name="working")
        killed = system.spawn(Plain, name="killed")
        killed.kill()
        await killed.terminated()
        working.tell(block)
        await trio.to_thread.run_sync(entered.wait, 10)
        working.tell("left")
        go_on.set()
    reasons = {event.path: event.reason for event in seen if isinstance(event, Stopped)}
    assert reasons == {
        "shop/killed": "killed",
        "shop/working": "shutdown",
        "shop/resting": "shutdown",
    }
    assert not resting.is_alive()


async def test_what_the_system_has_no_time_for_is_ended_too(autojump_clock, record):
    class Stubborn(Actor):
        async def on_stop(self):
            await trio.sleep_forever()

    async with ActorSystem("shop", shutdown_timeout=1.0) as system:
        seen = record(system, Stopped)
        system.spawn(Plain, name="waits its turn")
        system.spawn(Stubborn, name="takes all the time")
    assert sorted(event.path for event in seen) == [
        "shop/takes all the time",
        "shop/waits its turn",
    ]


async def test_one_with_a_child_takes_it_along():
    async with ActorSystem("shop") as system:
        parent = system.spawn(Parent, name="parent")
        child = system["parent/child"]
        assert await parent.stop()
        assert not child.is_alive()


async def test_a_member_of_a_group_has_a_task_from_the_start():
    async with ActorSystem("shop", strategy=OneForAll()) as system:
        await trio.testing.wait_all_tasks_blocked()
        before = tasks()
        await system.spawn(Plain).started()
        assert tasks() == before + 1


async def test_a_handler_that_becomes_async_is_awaited_by_a_task():
    async def answer(message):
        await trio.lowlevel.checkpoint()
        return f"{message}, on trio"

    class Changing(Plain):
        def on_receive(self, _message):
            self.on_receive = answer  # type: ignore[method-assign]  # what it is about

    async with ActorSystem("shop") as system:
        ref = system.spawn(Changing)
        await ask(ref, "change")
        assert await ask(ref, "here") == "here, on trio"
        assert await ref.stop()


async def test_what_it_is_told_in_its_init_is_handled(record):
    class Eager(Plain):
        def __init__(self, done):
            super().__init__()
            self.actor_ref.tell(done.set)

    done = threading.Event()
    async with ActorSystem("shop") as system:
        system.spawn(ChildSpec(Eager, args=(done,), mailbox=Mailbox(1)))
        assert await trio.to_thread.run_sync(done.wait, 10)


def test_a_watcher_hears_of_an_end_on_another_thread():
    class Watcher(Plain):
        def __init__(self, target):
            super().__init__()
            self.context.watch(target)
            self.heard = threading.Event()

        def on_receive(self, message):
            self.heard.set()

    with ActorSystem("shop") as system:
        target = system.spawn(Plain)
        watcher = system.spawn(Watcher, target).proxy()
        heard = watcher.heard.get()
        target.stop()
        assert heard.wait(10)


def test_threads_that_stop_the_same_actor_at_once_all_hear_that_it_ended():
    with ActorSystem("shop") as system:
        for _ in range(50):
            ref, barrier, answers = system.spawn(Plain), threading.Barrier(4), []

            def stop(ref=ref, barrier=barrier, answers=answers):
                barrier.wait(10)
                answers.append(ref.stop())

            threads = [threading.Thread(target=stop) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert len(answers) == 4
            assert any(answers)
        assert system.tree().children == ()


def test_an_interrupt_while_it_ends_on_the_stoppers_thread_leaves_no_half_ended_actor():
    interrupts = [KeyboardInterrupt]

    def interrupt(_event):
        if interrupts:
            raise interrupts.pop()

    with ActorSystem("shop") as system:
        system.events.subscribe(interrupt, Stopped)
        ref = system.spawn(Plain)
        with pytest.raises(KeyboardInterrupt):
            ref.stop()
        ref.terminated().get(timeout=10)
