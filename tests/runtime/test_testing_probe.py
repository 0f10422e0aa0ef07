"""actors.testing: the probe and the event recorder."""

import pytest
import trio
import trio.lowlevel

from actors import Actor, ActorSystem, Terminated, Timeout
from actors.events import Failed, Restarted, Stopped
from actors.testing import EventRecorder, Probe


class Forwarder(Actor):
    def __init__(self, to):
        super().__init__()
        self.to = to

    async def on_receive(self, message):
        if isinstance(message, Exception):
            raise message
        self.to.tell(message)
        return await self.to.request(message)


async def test_a_probe_receives_in_order_what_it_is_sent():
    async with ActorSystem("test") as system:
        probe = Probe(system)
        probe.ref.tell("one")
        probe.ref.tell("two")

        assert [await probe.receive(), await probe.receive()] == ["one", "two"]


async def test_a_probe_keeps_all_messages_received_or_not():
    async with ActorSystem("test") as system:
        probe = Probe(system)
        await probe.ref.request("one")
        await probe.ref.request("two")
        await probe.receive()

        assert probe.messages == ("one", "two")


async def test_receive_waits_for_a_message_that_is_still_to_come(autojump_clock):
    async with ActorSystem("test") as system:
        probe = Probe(system)
        coming = probe.receive(timeout=60)
        await trio.sleep(30)
        probe.ref.tell("late")

        assert await coming == "late"


async def test_receive_times_out_in_the_systems_time(autojump_clock):
    async with ActorSystem("test") as system:
        probe = Probe(system)
        with pytest.raises(Timeout):
            await probe.receive(timeout=60)
        probe.ref.tell("later")

        assert await probe.receive() == "later"


@pytest.mark.parametrize("answer", [6, lambda message: 2 * message])
async def test_a_probe_answers_with_a_value_or_a_function(answer):
    async with ActorSystem("test") as system:
        forwarder = system.spawn(Forwarder, Probe(system, answer=answer).ref)

        assert await forwarder.request(3) == 6


async def test_a_probes_answer_may_wait_and_may_fail():
    async def answer(message):
        await trio.lowlevel.checkpoint()
        raise LookupError(message)

    async with ActorSystem("test") as system:
        probe = Probe(system, answer=answer)

        with pytest.raises(LookupError, match="unknown"):
            await probe.ref.request("unknown")


async def test_a_probe_watches_others():
    async with ActorSystem("test") as system:
        probe, other = Probe(system, "watcher"), Probe(system)
        probe.watch(other.ref)
        other.ref.kill()

        assert await probe.receive() == Terminated(other.ref)


def test_a_probe_serves_tests_on_threads():
    with ActorSystem("test") as system:
        probe = Probe(system)
        probe.ref.tell("hello")

        assert probe.receive().get(timeout=5) == "hello"


async def test_a_recorder_keeps_events_by_type_and_actor():
    async with ActorSystem("test") as system:
        first, second = (system.spawn(Forwarder, None, name=name) for name in ("a", "b"))
        with EventRecorder(system, Failed, Stopped) as events:
            first.tell(ValueError())
            second.kill()
            await second.terminated()
            await events.wait_for(Failed, first)

        assert [event.path for event in events.of(Stopped)] == ["test/b"]
        assert events.of(Failed, "test/b") == []
        assert {type(event) for event in events.events} == {Failed, Stopped}


async def test_a_recorder_replies_when_an_event_has_happened_so_many_times(autojump_clock):
    async with ActorSystem("test") as system:
        ref = system.spawn(Forwarder, None)
        with EventRecorder(system) as events:
            third = events.wait_for(Restarted, ref, count=2, timeout=3600)
            ref.tell(ValueError())
            ref.tell(ValueError())

            assert (await third).restarts == 2
            assert (await events.wait_for(Restarted, ref)).restarts == 1


async def test_a_recorder_times_out(autojump_clock):
    async with ActorSystem("test") as system:
        with EventRecorder(system) as events, pytest.raises(Timeout):
            await events.wait_for(Stopped, timeout=60)


async def test_a_stopped_recorder_records_no_more():
    async with ActorSystem("test") as system:
        events = EventRecorder(system)
        events.stop()
        system.spawn(Forwarder, None).kill()

    assert events.events == ()
