"""Reply alone, without a system."""

import queue
import threading

import pytest

from actors import BlockingCall, Reply, Timeout


def test_it_is_settled_once():
    reply = Reply()
    reply.set(1)
    with pytest.raises(queue.Full):
        reply.set(2)
    with pytest.raises(queue.Full):
        reply.set_exception(ValueError())
    assert reply.get() == 1


def test_of_many_threads_that_settle_it_exactly_one_wins():
    for _ in range(50):
        reply, barrier, won = Reply(), threading.Barrier(4), []

        def settle(number, reply=reply, barrier=barrier, won=won):
            barrier.wait()
            if reply.settle((number, None, None)):
                won.append(number)

        threads = [threading.Thread(target=settle, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [reply.get()]


def test_each_callback_runs_once_whenever_it_was_added():
    reply, seen = Reply(), []
    reply.add_done_callback(seen.append)
    reply.set(1)
    reply.add_done_callback(seen.append)
    assert seen == [reply, reply]


def test_set_exception_without_arguments_takes_the_one_being_handled():
    reply = Reply()
    try:
        raise KeyError("handled")
    except KeyError:
        reply.set_exception()
    with pytest.raises(KeyError, match="handled"):
        reply.get()


def test_get_waits_for_another_thread():
    reply = Reply()
    threading.Timer(0.01, reply.set, ["late"]).start()
    assert reply.get(timeout=10) == "late"


def test_a_timeout_of_get_does_not_settle_it():
    reply = Reply()
    with pytest.raises(Timeout):
        reply.get(timeout=0)
    reply.set(1)
    assert reply.get() == 1


def test_past_its_own_deadline_it_is_settled_as_late():
    reply = Reply()
    reply.limit(10.0, lambda: 11.0)
    assert reply.abandoned
    with pytest.raises(Timeout):
        reply.get()
    assert not reply.settle((1, None, None))


async def test_get_on_a_loops_thread_returns_what_is_there_and_raises_otherwise():
    reply = Reply()
    with pytest.raises(BlockingCall, match="trio"):
        reply.get()
    reply.set(1)
    assert reply.get() == 1


def test_a_mapped_function_runs_once_however_often_it_is_looked_at():
    calls = []

    def double(value):
        calls.append(value)
        return 2 * value

    source = Reply()
    mapped = source.map(double)
    assert calls == []
    source.set(3)
    assert (mapped.get(), mapped.get()) == (6, 6)
    assert calls == [3]


def test_a_failing_function_is_the_failure_of_its_mapped_reply():
    source = Reply()
    source.set(0)
    mapped = source.map(lambda value: 1 // value)
    with pytest.raises(ZeroDivisionError):
        mapped.get()


def test_a_joined_reply_calls_back_once_after_its_last_source():
    first, second, seen = Reply(), Reply(), []
    joined = first.join(second)
    joined.add_done_callback(lambda reply: seen.append(reply.get()))
    second.set(2)
    assert seen == []
    first.set(1)
    assert seen == [[1, 2]]


def test_a_get_hook_is_called_once_with_the_timeout():
    calls = []

    def hook(timeout):
        calls.append(timeout)
        return 5

    reply = Reply()
    reply.set_get_hook(hook)
    assert (reply.get(timeout=3), reply.get()) == (5, 5)
    assert calls == [3]


def test_what_is_no_future_is_refused():
    with pytest.raises(TypeError, match="no future"):
        Reply.of(3)
