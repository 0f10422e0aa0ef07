"""A function that is asked before messages are taken."""

import pytest
import trio

from actorbus import ActorBus, BusConfigurationError, DynamicChannel, field
from actorbus._bus_events import ThrottleFailed
from tests.runtime.bus.delivery.jobs import Job


def listening(bus, log, channel="jobs", seconds=0.0):
    @bus.event_handler(channel=channel, endpoint_id="work")
    async def work(event: Job):
        await trio.sleep(seconds)
        log.note(event)


class Gate:
    """Answers with what it was given, and remembers who was asked for, and when."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    async def __call__(self, tenant):
        self.asked.append((tenant, trio.current_time()))
        answer = self.answers.get(tenant, True)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else True
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_nothing_is_taken_before_the_function_says_yes(autojump_clock, bus, log):
    """It is asked again after the time that it said; no attempt is counted meanwhile."""
    gate = Gate({"": [60.0, False, 0.5]})
    bus.add_channel("jobs", throttle=gate)
    listening(bus, log)
    async with bus.running():
        start = trio.current_time()
        await bus.events.publish(Job(1))
        await trio.sleep(59)
        early = list(log.handled)
        await trio.sleep(10)

    times = [at - start for _, at in gate.asked[-4:]]
    assert (early, log.handled) == ([], [1])
    assert times == pytest.approx([0, 60, 61, 61.5], abs=0.2)
    assert (bus.counters.started, bus.counters.released) == (1, 0)


async def test_a_refused_tenant_holds_up_no_other(autojump_clock, bus, log):
    gate = Gate({"slow": [30.0]})
    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), throttle=gate))
    listening(bus, log)
    async with bus.running():
        await bus.events.publish_many(
            Job(number, tenant) for number in range(200) for tenant in ("slow", "well")
        )
        await trio.sleep(5)
        well = len(log.handled)
        await trio.sleep(60)

    assert (well, len(log.handled)) == (200, 400)
    assert bus.counters.released == 0


async def test_a_slow_function_holds_up_no_other_tenant(autojump_clock, bus, log):
    """Nor one that never answers: after ten seconds that is a failure."""

    async def gate(tenant):
        if tenant == "slow":
            await trio.sleep_forever()
        return True

    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), throttle=gate))
    listening(bus, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1, "slow"))
        await bus.events.publish(Job(2, "well"))
        await trio.sleep(5)
        handled = list(log.handled)
        await trio.sleep(7)

    [failed] = log.of(ThrottleFailed)
    assert handled == [2]
    assert (failed.channel, failed.tenant) == ("jobs", "slow")
    assert isinstance(failed.exception, TimeoutError)


async def test_a_yes_lets_as_many_through_as_can_begin(autojump_clock, bus, log):
    """None is claimed to wait in stock, so a no stops what has not begun."""
    gate = Gate({"": [True, 1000.0]})
    bus.add_channel("jobs", throttle=gate, concurrency=3)
    listening(bus, log, seconds=1.0)
    async with bus.running():
        await bus.events.publish_many(map(Job, range(10)))
        await trio.sleep(100)
        queues = await bus.store.statistics()

    assert sorted(log.handled) == [0, 1, 2]
    assert [(queue.ready, queue.claimed) for queue in queues] == [(7, 0)]


async def test_a_function_that_fails_is_an_event_and_asked_again_later_each_time(
    autojump_clock, bus, log
):
    gate = Gate({"": [OSError("no answer") for _ in range(3)]})
    bus.add_channel("jobs", throttle=gate)
    listening(bus, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1))
        await trio.sleep(30)

    delays = [event.delay for event in log.of(ThrottleFailed)]
    assert log.handled == [1]
    assert delays == pytest.approx([1.1, 2.2, 4.4])


@pytest.mark.parametrize("answer", [None, -1, "yes", float("nan"), float("inf")])
async def test_an_answer_that_is_none_is_a_failure(autojump_clock, bus, log, answer):
    bus.add_channel("jobs", throttle=Gate({"": [answer]}))
    listening(bus, log)
    async with bus.running():
        bus.system.events.subscribe(log.events.append)
        await bus.events.publish(Job(1))
        await trio.sleep(5)

    [failed] = log.of(ThrottleFailed)
    assert log.handled == [1]
    assert "True, False or seconds" in str(failed.exception)


async def test_a_plain_function_is_asked_on_a_thread(seed, log):
    bus = ActorBus("shop", seed=seed)
    bus.add_channel("jobs", throttle=lambda tenant: tenant == "")
    listening(bus, log)
    async with bus.running():
        await bus.events.publish(Job(1))
        with trio.fail_after(10):
            await bus.idle()

    assert log.handled == [1]


async def test_more_refused_tenants_than_one_claim_serves_hold_up_nobody(autojump_clock, bus, log):
    async def gate(tenant):
        return 1000.0 if tenant.startswith("a") else True

    bus.add_channel(DynamicChannel("jobs", tenant=field("tenant"), throttle=gate))
    listening(bus, log)
    async with bus.running():
        await bus.events.publish_many(Job(number, f"a{number}") for number in range(300))
        await bus.events.publish_many(Job(number, "z") for number in range(100))
        await trio.sleep(20)

    assert sorted(log.handled) == list(range(100))


async def test_what_is_refused_is_no_stalled_channel(autojump_clock, bus, log):
    """The watch restarts channels that could claim and do not; this one may not."""
    bus.add_channel("jobs", throttle=Gate({"": [600.0]}))
    listening(bus, log)
    async with bus.running():
        await bus.events.publish(Job(1))
        await trio.sleep(300)
        health = await bus.health()
        await trio.sleep(400)

    assert (health.channels[0].intake_restarts, log.handled) == (0, [1])


async def test_a_throttle_is_a_function(bus):
    bus.add_channel("jobs", throttle=5)
    with pytest.raises(BusConfigurationError, match="throttle=5 is not a function"):
        bus.check()
