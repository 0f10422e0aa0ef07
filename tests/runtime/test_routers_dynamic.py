"""DynamicRouter: actors made per key, served in turn, ended when idle."""

from types import SimpleNamespace

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Actor, ActorSystem, MailboxFull
from actors.events import DeadLetter, Restarted, Stopped, Undelivered
from actors.routers import DynamicRouter, GetRoutees, UnknownKey
from actors.testing import EventRecorder, Probe
from supervisors import ChildSpec, ConfigurationError

BOOM = "boom"


class Tenant(Actor):
    """Handles (key, what) messages of its key; waits for what can be awaited."""

    def __init__(self, key, log=None):
        super().__init__()
        self.key, self.log = key, [] if log is None else log

    async def on_receive(self, message):
        key, what = message
        assert key == self.key
        if what == BOOM:
            raise ValueError(BOOM)
        if isinstance(what, trio.Event):
            await what.wait()
        if isinstance(what, float):
            await trio.sleep(what)
        self.log.append(message)
        return f"{self.key}:{what}"


def first(message):
    return message[0]


async def test_an_actor_is_made_for_each_key_when_it_is_needed():
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, name="router")
        assert await router.request(GetRoutees()) == {}

        assert await router.request(("acme", 1)) == "acme:1"
        assert await router.request(("umbrella", 1)) == "umbrella:1"
        assert set(await router.request(GetRoutees())) == {"acme", "umbrella"}
        assert system["router/acme"].is_alive()


@pytest.mark.parametrize(
    "message",
    [{"tenant": "acme"}, SimpleNamespace(tenant="acme")],
    ids=["mapping", "object"],
)
async def test_the_key_may_be_a_field(message):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, SaysItsKey, key="tenant")

        assert await router.request(message) == "acme"


class SaysItsKey(Tenant):
    async def on_receive(self, message):
        return self.key


async def test_names_of_actors_show_the_key_whatever_it_is():
    keys = ["a/b", 1, "1", "", ("x", 2)]
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, SaysItsKey, key=first)
        assert [await router.request((key, 0)) for key in keys] == keys

        names = [ref.name for ref in (await router.request(GetRoutees())).values()]
        assert names == ["a%2Fb", "1", "1~2", "empty", "%28%27x%27%2C 2%29"]


async def test_a_spec_and_further_arguments_say_how_actors_are_made():
    log: list[object] = []
    async with ActorSystem("test") as system:
        spec = ChildSpec(Tenant, mailbox=5)
        router = system.spawn(DynamicRouter, spec, log, key=first)
        await router.request(("acme", 1))

        (ref,) = (await router.request(GetRoutees())).values()
        assert ref.actor_inbox.statistics().capacity == 5
    assert log == [("acme", 1)]


@pytest.mark.parametrize("known", [{"acme"}, lambda key: key == "acme"])
async def test_unknown_keys_are_refused(known):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, known=known)
        with EventRecorder(system) as events:
            with pytest.raises(UnknownKey, match="'evil'"):
                await router.request(("evil", 1))
            with pytest.raises(UnknownKey):
                await router.request((None, 1))
            router.tell(("evil", 2))

            assert await router.request(("acme", 1)) == "acme:1"
        assert [event.message for event in events.of(DeadLetter)] == [("evil", 2)]


async def test_unknown_keys_are_passed_on_to_whom_it_may_concern():
    async with ActorSystem("test") as system:
        stray = Probe(system, answer="handled elsewhere")
        router = system.spawn(DynamicRouter, Tenant, key=first, known={"acme"}, unknown=stray.ref)

        assert await router.request(("evil", 1)) == "handled elsewhere"


async def test_an_actor_that_cannot_be_made_fails_what_waits_for_it():
    def make(key):
        raise LookupError(f"no such tenant: {key}")

    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, make, key=first)

        with pytest.raises(LookupError, match="no such tenant: acme"):
            await router.request(("acme", 1))
        assert await router.request(GetRoutees()) == {}


async def test_idle_actors_end_and_come_back_when_they_are_needed(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, idle_after=60)
        with EventRecorder(system, Stopped) as events:
            await router.request(("acme", 1))
            await trio.sleep(50)
            await router.request(("busy", 1))
            await trio.sleep(30)

            assert set(await router.request(GetRoutees())) == {"busy"}
            assert 60 <= events.of(Stopped)[0].time - (trio.current_time() - 80) <= 75
            assert await router.request(("acme", 2)) == "acme:2"


async def test_what_comes_while_an_idle_actor_ends_waits_for_the_next_one(autojump_clock):
    class Slow(Tenant):
        async def on_stop(self):
            await trio.sleep(3)

    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Slow, key=first, idle_after=60)
        await router.request(("acme", 1))
        with EventRecorder(system, Stopped) as events:
            await trio.sleep(61)
            assert events.events == ()

            assert await router.request(("acme", 2)) == "acme:2"
            assert len(events.events) == 1


async def test_a_working_actor_is_not_idle(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, idle_after=60)
        with EventRecorder(system, Stopped) as events:
            await router.request(("acme", 1000.0))

        assert events.events == ()


async def test_one_keys_flood_costs_the_others_no_more_than_its_turn(autojump_clock):
    log: list[tuple[str, int]] = []
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, log, key=first, concurrency=1, batch=2)
        for number in range(10):
            router.tell(("flood", number))
        for number in range(4):
            router.tell(("calm", number))
        await trio.sleep(1)

    positions = [position for position, (key, _) in enumerate(log) if key == "calm"]
    assert len(log) == 14
    assert positions[-1] <= 8


async def test_no_more_keys_have_work_at_once_than_they_may(autojump_clock):
    running = []
    most = 0

    class Counting(Tenant):
        async def on_receive(self, message):
            nonlocal most
            running.append(message)
            most = max(most, len(running))
            await trio.sleep(1)
            running.remove(message)

    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Counting, key=first, concurrency=3)
        for key in range(10):
            router.tell((key, 0))
        await trio.sleep(20)

    assert most == 3


async def test_a_key_that_is_full_is_refused_alone(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, batch=1, capacity=2)
        gate = trio.Event()
        begun = router.request(("flood", gate))
        await trio.testing.wait_all_tasks_blocked()
        waiting = [router.request(("flood", number)) for number in range(2)]
        with pytest.raises(MailboxFull, match="2 messages wait for 'flood'"):
            await router.request(("flood", 2))

        assert await router.request(("calm", 1)) == "calm:1"
        gate.set()
        assert [await reply for reply in [begun, *waiting]][1:] == ["flood:0", "flood:1"]


async def test_past_the_maximum_new_keys_are_refused():
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, maximum=1)
        await router.request(("acme", 1))

        with pytest.raises(MailboxFull, match="1 keys already"):
            await router.request(("umbrella", 1))


async def test_a_failing_tenant_restarts_alone(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, name="router")
        await router.request(("calm", 1))
        with EventRecorder(system, Restarted, Stopped) as events:
            router.tell(("sick", BOOM))
            await events.wait_for(Restarted)
            for _ in range(5):
                router.tell(("sick", BOOM))
            await events.wait_for(Stopped, "test/router/sick")

            assert await router.request(("calm", 2)) == "calm:2"
            assert await router.request(("sick", 2)) == "sick:2", "made anew"


async def test_what_waits_in_a_router_that_ends_is_accounted_for(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(DynamicRouter, Tenant, key=first, batch=1)
        with EventRecorder(system, DeadLetter, Undelivered) as events:
            router.tell(("acme", trio.Event()))
            router.tell(("acme", 1))
            asked = router.request(("acme", 2))
            await trio.testing.wait_all_tasks_blocked()
            router.kill()
            await router.terminated()

        assert ("acme", 1) in [event.message for event in events.of(DeadLetter)]
        assert asked.done


def test_options_out_of_range_are_refused_all_at_once():
    with ActorSystem("test") as system, pytest.raises(ConfigurationError) as error:
        system.spawn(DynamicRouter, Tenant, key=first, batch=0, capacity=0, concurrency=0)

    assert all(name in str(error.value) for name in ("batch", "capacity", "concurrency"))


# -- whatever happens -------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 4), st.sampled_from([0.0, 1.0, 5.0])),
    st.tuples(st.just("fail"), st.integers(0, 4), st.just(BOOM)),
    st.tuples(st.just("kill"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("sleep"), st.just(0), st.sampled_from([0, 2, 40])),
)


async def play(steps, concurrency):
    log, sent, overlaps = [], [], []
    named: list[object] = []
    running = set()

    class Checked(Actor):
        def __init__(self, key):
            super().__init__()

        async def on_receive(self, message):
            key, number, what = message
            if key in running:
                overlaps.append(key)
            running.add(key)
            try:
                if what == BOOM:
                    raise ValueError(BOOM)
                await trio.sleep(what)
                log.append((key, number))
            finally:
                running.discard(key)

    def note(event):
        messages = event.messages if isinstance(event, Undelivered) else (event.message,)
        named.extend(message[:2] for message in messages)

    async with ActorSystem("test", shutdown_timeout=600) as system:
        system.events.subscribe(note, DeadLetter, Undelivered)
        router = system.spawn(
            DynamicRouter, Checked, key=first, idle_after=20, batch=2, concurrency=concurrency
        )
        for number, (step, which, what) in enumerate(steps):
            match step:
                case "kill":
                    ref = (await router.request(GetRoutees())).get(which)
                    if ref is not None:
                        ref.kill()
                case "sleep":
                    await trio.sleep(what)
                case _:
                    router.tell((which, number, what))
                    sent.append((which, number))
        await trio.sleep(1000)
        assert await router.request(GetRoutees()) == {}
    return log, sent, named, overlaps


@settings(max_examples=100)
@given(st.lists(STEPS, max_size=50), st.sampled_from([None, 1, 2]))
def test_nothing_is_lost_and_a_key_stays_in_order(steps, concurrency):
    clock = trio.testing.MockClock(autojump_threshold=0)
    log, sent, named, overlaps = trio.run(play, steps, concurrency, clock=clock)

    assert overlaps == []
    assert sorted(log + named) == sorted(sent)
    for key in range(5):
        numbers = [number for one, number in log if one == key]
        assert numbers == sorted(numbers)
