"""`runs_on="process"`: functions in worker processes; on the real clock, for they are real."""

import asyncio
import functools
import importlib
import os
import random
import signal
import sys
import threading

import pytest
import trio

from actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    BlockingActor,
    HandlerTimedOut,
    NotPicklable,
    RemoteTraceback,
    ReplyCancelled,
    WorkerDied,
    _processes,
    process_problem,
)
from actors._processes import KEEP_ALIVE
from actors.events import Failed, PoolFull, Restarted
from supervisors import ChildSpec, ConfigurationError, OneForOne
from tests.runtime import process_work as work


class Render(Actor, runs_on="process"):
    on_receive = staticmethod(work.do)

    @staticmethod
    def double(number):
        return work.double(number), os.getpid()

    def on_a_thread(self):
        return threading.current_thread().name, os.getpid()

    async def on_trio(self):
        await trio.lowlevel.checkpoint()
        return self.restarts, os.getpid()


def children():
    """The processes that this one started and has not reaped, dead ones included."""
    found = set()
    for path in os.listdir("/proc"):  # noqa: PTH208  # names that are numbers
        if path.isdigit():
            found |= _child_of_this(path)
    return found


def _child_of_this(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123  # read at once
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return set()
    return {int(pid)} if int(fields[1]) == os.getpid() else set()


@pytest.fixture(autouse=True)
def _no_process_is_left():
    before = children()
    yield
    assert children() <= before


async def told(marker):
    """Wait until a function has told something, and return it."""
    with trio.fail_after(20):
        await trio.to_thread.run_sync(work.wait_for, marker)
    return int(marker.read_text())


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# -- what runs where -------------------------------------------------------------------------------


async def test_static_plain_methods_run_in_a_worker_and_the_others_where_they_always_do():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Render)
        proxy = ref.proxy()
        worker = await ref.request(("pid",))
        assert worker != os.getpid()
        assert await proxy.double(4) == (8, worker)
        assert await proxy.on_trio() == (0, os.getpid())
        thread, here = await proxy.on_a_thread()
        assert (thread.startswith("actors-shop"), here) == (True, os.getpid())
        assert await ref.request(("pid",)) == worker


def test_hooks_run_here_and_messages_keep_their_order_from_a_thread_too():
    log = []

    class Hooked(Render):
        async def on_start(self):
            log.append(("start", os.getpid()))

        def on_stop(self):
            log.append(("stop", os.getpid()))

    with ActorSystem("shop", max_processes=1) as system:
        ref = system.spawn(Hooked)
        assert [reply.get() for reply in [ref.request(("calls",)) for _ in range(20)]] == [
            *range(1, 21)
        ]
    assert log == [("start", os.getpid()), ("stop", os.getpid())]


async def test_run_in_process_takes_arguments_keywords_by_partial_and_works_in_handlers():
    class Asking(Actor):
        async def on_receive(self, number):
            return await self.context.system.run_in_process(work.double, number)

    class AskingOnAThread(Actor):
        def on_receive(self, number):
            return self.context.system.run_in_process(work.double, number).get(timeout=20)

    async with ActorSystem("shop") as system:
        assert await system.run_in_process(work.double, 2) == 4
        assert await system.run_in_process(functools.partial(work.double, number=3)) == 6
        assert await system.spawn(Asking).request(4) == 8
        assert await system.spawn(AskingOnAThread).request(5) == 10


def test_it_works_under_asyncio_too():
    async def main():
        async with ActorSystem("shop") as system:
            assert await system.run_in_process(work.double, 2) == 4
            assert await system.spawn(Render).request(("double", 3)) == 6

    asyncio.run(main())


async def test_a_worker_may_have_workers():
    async with ActorSystem("shop") as system:
        doubled, worker = await system.run_in_process(work.double_in_another, 2)
    assert doubled == 4
    assert is_gone(worker)


async def test_a_large_message_goes_there_and_back():
    large = os.urandom(3_000_000)
    async with ActorSystem("shop") as system:
        assert await system.run_in_process(work.echo, large) == large


async def test_many_calls_share_the_workers_and_never_more_than_the_limit():
    async with ActorSystem("shop", max_processes=2) as system:
        replies = [system.run_in_process(work.pid) for _ in range(100)]
        assert 1 <= len({await reply for reply in replies}) <= 2


def test_calls_from_many_threads_at_once_are_all_answered():
    answers = []
    with ActorSystem("shop", max_processes=2) as system:

        def ask(number):
            answers.append(system.run_in_process(work.double, number).get(timeout=60))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == [2 * number for number in range(20)]


async def test_a_full_pool_is_an_event_that_names_its_holders(record, tmp_path):
    async with ActorSystem("shop", max_processes=1) as system:
        full = record(system, PoolFull)
        holder = system.run_in_process(work.hang, tmp_path / "marker")
        await told(tmp_path / "marker")
        waiting = system.run_in_process(work.double, 1)
        holder.cancel()
        assert await waiting == 2
    assert [event.holders for event in full] == [("shop: tests.runtime.process_work.hang",)]


# -- errors ----------------------------------------------------------------------------------------


async def test_an_exception_comes_back_with_its_type_and_the_workers_traceback():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Render)
        with pytest.raises(ValueError, match="mine") as caught:
            await ref.request(("fail_deeply", ValueError("mine")))
        assert type(caught.value.__cause__) is RemoteTraceback
        text = str(caught.value.__cause__)
        assert "in fail_deeply" in text
        assert "KeyError: 'inner'" in text
        assert await ref.proxy().on_trio() == (0, os.getpid())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (("fail", print), None),
        (("generate",), r"do: what it returned \(generator\) cannot be pickled"),
        (("refuse", 7), r"what it raised \(.*Refused: 7: because\) cannot be pickled"),
        (("unreadable",), "what it returned cannot be unpickled: OSError"),
        (("fail", threading.Lock()), r"the argument message \(tuple\) cannot be pickled"),
    ],
)
async def test_what_cannot_be_pickled_is_named_and_the_worker_goes_on(message, words):
    async with ActorSystem("shop", max_processes=1) as system:
        ref = system.spawn(Render)
        with pytest.raises(TypeError if words is None else NotPicklable, match=words):
            await ref.request(message)
        assert await ref.request(("double", 1)) == 2


async def test_a_base_exception_is_judged_as_in_the_other_worlds():
    async with ActorSystem("shop") as system:
        ref = system.spawn(Render)
        ref.tell(("fail", GeneratorExit()))
        await ref.terminated()
        assert await system.spawn(Render).request(("double", 1)) == 2


@pytest.mark.parametrize(
    ("message", "exit_code", "signal_name"),
    [
        (("leave", 3), 3, None),
        (("leave", 0), 0, None),
        (("die_by", signal.SIGKILL), None, "SIGKILL"),
        (("die_by", signal.SIGSEGV), None, "SIGSEGV"),
    ],
)
async def test_a_worker_that_dies_fails_the_message_in_hand_and_is_replaced(
    message, exit_code, signal_name
):
    async with ActorSystem("shop", max_processes=1) as system:
        ref, other = system.spawn(Render), system.spawn(Render)
        first = ref.request(message)
        following = [ref.request(("double", 2)), other.request(("double", 3))]
        with trio.fail_after(20), pytest.raises(WorkerDied, match=r"while it ran .*\.do") as caught:
            await first
        assert (caught.value.exit_code, caught.value.signal) == (exit_code, signal_name)
        assert [await reply for reply in following] == [4, 6]


async def test_a_death_is_noticed_although_a_child_of_the_worker_lives_on(tmp_path):
    async with ActorSystem("shop") as system:
        with trio.fail_after(20), pytest.raises(WorkerDied, match="exited with code 4"):
            await system.run_in_process(work.fork_and_leave, tmp_path / "marker")
        (tmp_path / "marker").touch()


async def test_a_tell_that_kills_its_worker_is_a_failure_and_the_actor_restarts(record):
    async with ActorSystem("shop", strategy=OneForOne(backoff=None)) as system:
        failures, restarted = record(system, Failed), record(system, Restarted)
        ref = system.spawn(Render)
        ref.tell(("leave", 1))
        assert await ref.proxy().on_trio() == (1, os.getpid())
        assert [type(event.exception) for event in failures] == [WorkerDied]
        assert len(restarted) == 1


async def test_an_idle_worker_that_dies_fails_nobody():
    async with ActorSystem("shop", max_processes=1) as system:
        for _ in range(3):
            os.kill(await system.run_in_process(work.pid), signal.SIGKILL)
        assert await system.run_in_process(work.double, 4) == 8


async def test_a_worker_that_cannot_start_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with ActorSystem("shop") as system:
        with pytest.raises(WorkerDied, match=r"exited with code 1 while it was to begin"):
            await system.run_in_process(work.double, 4)


# -- time ------------------------------------------------------------------------------------------


async def test_a_handler_past_its_limit_is_ended_with_its_worker():
    async with ActorSystem("shop", max_processes=1) as system:
        worker = await system.run_in_process(work.pid)
        ref = system.spawn(ChildSpec(Render, handler_timeout=0.1))
        with pytest.raises(HandlerTimedOut, match=r"shop/.*do ran longer than 0\.1 seconds"):
            await ref.request(("hang",))
        assert is_gone(worker)
        with pytest.raises(HandlerTimedOut, match=r"shop: .*hang ran longer than 0\.1 seconds"):
            await system.run_in_process(work.hang, timeout=0.1)


SLOW_IN_A_WORKER = """
import sys, time

if "pytest" not in sys.modules:
    time.sleep(2)

def double(number):
    return 2 * number
"""


async def test_the_limit_does_not_count_the_imports_of_a_worker(tmp_path, monkeypatch):
    (tmp_path / "slow_in_a_worker.py").write_text(SLOW_IN_A_WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("slow_in_a_worker")
    async with ActorSystem("shop", max_processes=1) as system:
        assert await system.run_in_process(module.double, 1, timeout=1) == 2


async def test_the_limit_does_not_count_the_wait_for_a_worker(tmp_path):
    async with ActorSystem("shop", max_processes=1) as system:
        holder = system.run_in_process(work.hang, tmp_path / "marker")
        await told(tmp_path / "marker")
        reply = system.spawn(ChildSpec(Render, handler_timeout=5)).request(("double", 2))
        with trio.move_on_after(0.2):
            await system.spawn(ChildSpec(Render)).terminated()
        holder.cancel()
        assert await reply == 4


async def test_imports_have_a_limit_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "slower_in_a_worker.py").write_text(SLOW_IN_A_WORKER.replace("2)", "60)"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_processes, "PATIENCE", 0.1)
    module = importlib.import_module("slower_in_a_worker")
    async with ActorSystem("shop", max_processes=1) as system:
        with pytest.raises(
            HandlerTimedOut, match=r"needed longer than 0\.1 seconds to load slower_"
        ):
            await system.run_in_process(module.double, 1, timeout=0.1)
        assert await system.run_in_process(work.double, 1) == 2


async def test_cancelling_the_awaiter_ends_the_worker_and_frees_its_place(tmp_path):
    async with ActorSystem("shop", max_processes=1) as system:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_await, system.run_in_process(work.hang, tmp_path / "marker"))
            pid = await told(tmp_path / "marker")
            nursery.cancel_scope.cancel()
        assert is_gone(pid)
        assert await system.run_in_process(work.double, 1) == 2


async def _await(reply):
    await reply


async def test_a_call_that_waits_for_a_worker_can_be_cancelled(tmp_path):
    async with ActorSystem("shop", max_processes=1) as system:
        holder = system.run_in_process(work.hang, tmp_path / "marker")
        await told(tmp_path / "marker")
        waiting = system.run_in_process(work.hang)
        waiting.cancel()
        holder.cancel()
        assert await system.run_in_process(work.double, 1) == 2


async def test_leaving_the_system_ends_the_workers_and_fails_what_they_ran(tmp_path):
    with trio.fail_after(20):
        async with ActorSystem("shop", shutdown_timeout=0.2) as system:
            reply = system.run_in_process(work.hang, tmp_path / "marker")
            pid = await told(tmp_path / "marker")
    assert is_gone(pid)
    with pytest.raises(ActorDeadError):
        await reply
    with pytest.raises(ActorDeadError):
        system.run_in_process(work.double, 1)


async def test_killing_an_actor_ends_its_worker_after_its_time(tmp_path):
    async with ActorSystem("shop") as system:
        ref = system.spawn(ChildSpec(Render, shutdown_timeout=0.1))
        ref.tell(("hang", tmp_path / "marker"))
        pid = await told(tmp_path / "marker")
        ref.kill()
        await ref.terminated()
        assert is_gone(pid)


async def test_an_idle_worker_ends_in_order_when_its_system_does(tmp_path):
    async with ActorSystem("shop") as system:
        await system.run_in_process(work.note_exit, tmp_path / "marker")
    assert (tmp_path / "marker").read_text() == "ended in order"


async def test_idle_workers_end_after_a_while(mock_clock):
    async with ActorSystem("shop", max_processes=2) as system:
        first = [system.run_in_process(work.pid) for _ in range(20)]
        workers = {await reply for reply in first}
        mock_clock.jump(KEEP_ALIVE - 1)
        kept = await system.run_in_process(work.pid)
        assert kept in workers
        mock_clock.jump(2)
        while system.statistics().processes_idle > 1:  # the one that was used last stays
            await trio.lowlevel.checkpoint()
        assert await system.run_in_process(work.pid) == kept
        mock_clock.jump(KEEP_ALIVE + 1)
        while system.statistics().processes_idle:
            await trio.lowlevel.checkpoint()
        assert await system.run_in_process(work.pid) not in workers


@pytest.mark.parametrize(
    ("error", "code", "signal"),
    [
        (SystemExit(3), 3, None),
        (SystemExit(), 0, None),
        (SystemExit("no"), 1, None),
        (KeyboardInterrupt(), None, "SIGINT"),
    ],
)
async def test_an_exit_in_a_worker_is_no_order_to_end_this_process(error, code, signal):
    async with ActorSystem("shop") as system:
        with pytest.raises(WorkerDied, match=type(error).__name__) as caught:
            await system.run_in_process(work.fail, error)
        assert (caught.value.exit_code, caught.value.signal) == (code, signal)
        assert await system.run_in_process(work.double, 2) == 4


async def test_whatever_becomes_of_calls_all_are_answered_and_no_worker_is_left(tmp_path):
    """Calls that return, fail, die, are late or given up, in any order."""
    draw = random.Random(7)
    async with ActorSystem("shop", max_processes=2) as system:
        replies = []
        for number in range(60):
            match draw.choice(["double", "fail", "leave", "late", "give up", "actor"]):
                case "double":
                    replies.append(system.run_in_process(work.double, number))
                case "fail":
                    replies.append(system.run_in_process(work.fail, ValueError(number)))
                case "leave":
                    replies.append(system.run_in_process(work.leave, 3))
                case "late":
                    replies.append(system.run_in_process(work.hang, timeout=0.001))
                case "give up":
                    replies.append(system.run_in_process(work.hang))
                    replies[-1].cancel()
                case _:  # an actor's
                    replies.append(system.spawn(Render).request(("double", number)))
            if draw.random() < 0.3:
                await settled(draw.choice(replies))
        outcomes = [await settled(reply) for reply in replies]
        assert set(outcomes) == {int, ValueError, WorkerDied, HandlerTimedOut, ReplyCancelled}
        with trio.fail_after(20):
            while system.processes.busy:  # noqa: ASYNC110  # those given up are being ended
                await trio.sleep(0.01)
        assert system.processes.idle <= 2


async def settled(reply):
    """Wait for a reply, and return what kind of thing it holds."""
    with trio.fail_after(60):
        try:
            return type(await reply)
        except Exception as error:
            return type(error)


# -- what a worker sees ----------------------------------------------------------------------------


async def test_a_worker_has_this_process_path_and_arguments_and_no_more_of_it():
    async with ActorSystem("shop") as system:
        seen = await system.run_in_process(work.about)
    assert (seen["path"], seen["argv"]) == (sys.path, sys.argv)
    assert seen["stdin"] == ""
    assert seen["modules"] == []
    assert not seen["interrupt"]


async def test_no_file_of_this_process_is_open_in_a_worker_nor_the_pipes_in_what_it_starts():
    async with ActorSystem("shop", max_processes=2) as system:
        for reply in [system.run_in_process(work.descriptors) for _ in range(2)]:
            worker, its_child = await reply
            assert len(worker) <= 6  # the standard ones, two pipes, and the listing itself
            assert len(its_child) <= 4


# -- what is refused -------------------------------------------------------------------------------


def _nested():
    return None


_nested.__qualname__ = "double"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: None, "is a lambda"),
        (_nested, "is not what another process finds under that name"),
        (work.asynchronous, "is async"),
        (Render.on_a_thread, None),
        ([].append, "is no function with a name"),
        (3, "is no function with a name"),
        (work.Unreadable().__reduce__, "is a method"),
        (work.double, None),
        (os.getpid, None),
    ],
)
def test_a_function_that_another_process_cannot_find_is_refused_with_the_reason(function, words):
    problem = process_problem(function)
    assert (problem is None) == (words is None)
    assert (words or "") in (problem or "")


async def test_run_in_process_refuses_it_at_once():
    def nested():
        return None

    async with ActorSystem("shop") as system:
        with pytest.raises(TypeError, match="nested is defined in a function"):
            system.run_in_process(nested)


def test_the_class_of_an_actor_that_could_not_run_is_refused_with_the_reason():
    def nested(message):
        return None

    with pytest.raises(ConfigurationError, match="needs an on_receive without self"):
        type("A", (Actor,), {"on_receive": lambda self, message: None}, runs_on="process")
    with pytest.raises(ConfigurationError, match="defined in a function"):
        type("A", (Actor,), {"on_receive": staticmethod(nested)}, runs_on="process")
    with pytest.raises(ConfigurationError, match="is async"):
        other = {"on_receive": staticmethod(work.asynchronous)}
        type("A", (Actor,), other, runs_on="process")
    with pytest.raises(ConfigurationError, match="without a thread of their own"):
        handlers = {"on_receive": staticmethod(work.do)}
        type("A", (BlockingActor,), handlers, runs_on="process")


def test_a_subclass_is_held_to_it_too():
    with pytest.raises(ConfigurationError, match="needs an on_receive without self"):

        class Method(Render):
            def on_receive(self, message): ...


async def test_a_factory_in_a_spec_does_not_change_where_handlers_run():
    async with ActorSystem("shop") as system:
        ref = system.spawn(ChildSpec(lambda: Render(), name="made"))  # noqa: PLW0108  # a factory that is no class
        assert await ref.request(("pid",)) != os.getpid()


async def test_and_when_it_is_spawned_if_its_function_is_not_what_its_name_says(monkeypatch):
    async with ActorSystem("shop") as system:
        monkeypatch.setattr(work, "do", work.double)
        with pytest.raises(ConfigurationError, match="not what another process finds"):
            system.spawn(Render)


@pytest.mark.parametrize("number", [0, -1])
def test_a_system_without_processes_is_refused(number):
    with pytest.raises(ValueError, match=f"max_processes={number} is not allowed"):
        ActorSystem("shop", max_processes=number)
