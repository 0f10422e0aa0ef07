"""Routers that choose one of several, pass on to all, and pools that grow and shrink."""

import pytest
import trio
import trio.testing

from actors import Actor, ActorSystem, Mailbox, MailboxFull, Timeout
from actors.events import DeadLetter
from actors.routers import (
    Broadcast,
    Elastic,
    FirstAnswer,
    GetRoutees,
    Random,
    Resize,
    RoundRobin,
    Router,
    SmallestMailbox,
    ToAll,
)
from actors.testing import EventRecorder, Probe
from supervisors import Backoff, ConfigurationError

BOOM = "boom"


class Worker(Actor):
    """Answers with its name; waits, fails or stops as it is told."""

    async def on_receive(self, message):
        if message == BOOM:
            raise ValueError(BOOM)
        if message == "stop":
            self.stop()
        if isinstance(message, trio.Event):
            await message.wait()
        return self.context.name


async def names(router, number):
    return [await router.request(n) for n in range(number)]


async def test_round_robin_takes_turns():
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker, size=3)

        assert await names(router, 7) == ["1", "2", "3", "1", "2", "3", "1"]


async def test_round_robin_passes_over_a_routee_without_room():
    class Small(Worker, mailbox=Mailbox(1)):
        pass

    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Small, size=2)
        gate = trio.Event()
        stuck = router.request(gate)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(2):  # one waits for each
            router.tell("waits")
        answers = await names(router, 4)
        gate.set()
        await stuck

    assert answers.count("2") >= 3


async def test_random_draws_are_repeated_by_the_seed():
    async def drawn():
        async with ActorSystem("test", seed=7) as system:
            router = system.spawn(Random, Worker, size=4, name="router")
            return await names(router, 30)

    first = await drawn()

    assert first == await drawn()
    assert set(first) == {"1", "2", "3", "4"}


async def test_smallest_mailbox_avoids_the_busy_one():
    async with ActorSystem("test") as system:
        router = system.spawn(SmallestMailbox, Worker, size=2)
        gate = trio.Event()
        busy = router.request(gate)
        await trio.testing.wait_all_tasks_blocked()
        answers = await names(router, 5)
        gate.set()

        assert answers == ["2"] * 5
        assert await busy == "1"


async def test_a_router_of_ones_own_overrides_choose():
    class Last(Router):
        def choose(self, message):
            return self.routees[-1]

    async with ActorSystem("test") as system:
        assert await names(system.spawn(Last, Worker, size=3), 2) == ["3", "3"]


async def test_given_actors_are_routed_to_and_forgotten_when_they_end():
    async with ActorSystem("test") as system:
        first, second = system.spawn(Worker, name="a"), system.spawn(Worker, name="b")
        router = system.spawn(RoundRobin, [first, second])
        assert await names(router, 2) == ["a", "b"]
        first.stop(block=False)
        await first.terminated()

        assert await names(router, 2) == ["b", "b"]
        assert await router.request(GetRoutees()) == (second,)


async def test_a_pool_replaces_a_routee_that_has_ended(autojump_clock):
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker, size=2)
        first, _ = await router.request(GetRoutees())
        first.kill()
        await first.terminated()

        assert sorted(await names(router, 4)) == ["1", "1", "2", "2"]


async def test_replacements_that_end_in_a_row_back_off(autojump_clock):
    class Short(Worker):
        async def on_start(self):
            self.stop()

    backoff = Backoff(initial=10, factor=2, jitter=0)
    async with ActorSystem("test") as system:
        with EventRecorder(system) as events:
            system.spawn(RoundRobin, Short, name="router", backoff=backoff)
            await trio.sleep(100)

        stops = [event.time for event in events.events if event.path == "test/router/1"]
    begun = autojump_clock.current_time() - 100
    assert sorted({round(time - begun) for time in stops}) == [0, 10, 30, 60, 90]


async def test_what_comes_while_there_is_no_routee_waits_for_one(autojump_clock):
    backoff = Backoff(initial=10, first_immediate=False)
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker, backoff=backoff)
        (only,) = await router.request(GetRoutees())
        only.kill()
        await only.terminated()
        begun = trio.current_time()

        assert await names(router, 2) == ["1", "1"]
        assert trio.current_time() - begun >= 10


async def test_a_full_pool_fills_the_router_whose_senders_then_hear_of_it():
    class Small(Worker, mailbox=Mailbox(1)):
        pass

    class SmallRouter(RoundRobin, mailbox=Mailbox(2)):
        pass

    async with ActorSystem("test") as system:
        router = system.spawn(SmallRouter, Small)
        gate = trio.Event()
        router.tell(gate)
        await trio.testing.wait_all_tasks_blocked()
        router.tell("in the routee's mailbox")
        await trio.testing.wait_all_tasks_blocked()
        router.tell("in the router's hands")
        await trio.testing.wait_all_tasks_blocked()
        router.tell("waits")
        router.tell("waits too")
        with pytest.raises(MailboxFull):
            router.tell("no room")
        gate.set()
        await trio.testing.wait_all_tasks_blocked()

        assert await router.request("room again") == "1"


async def test_a_message_that_cannot_be_chosen_for_harms_nobody_else():
    class Picky(Router):
        def choose(self, message):
            return {1: self.routees[0]}[message]

    async with ActorSystem("test") as system:
        router = system.spawn(Picky, Worker)
        with EventRecorder(system) as events:
            with pytest.raises(KeyError):
                await router.request(2)
            router.tell(3)
            assert await router.request(1) == "1"

        assert [event.message for event in events.of(DeadLetter)] == [3]


async def test_a_told_failure_is_the_routees_and_an_asked_one_the_askers():
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker)
        with pytest.raises(ValueError, match=BOOM):
            await router.request(BOOM)
        router.tell(BOOM)
        await router.request("after the restart")

        assert system.tree().children[0].children[0].restarts == 1


async def test_broadcast_reaches_all_and_answers_with_all_answers():
    async with ActorSystem("test") as system:
        probes = [Probe(system, answer=number) for number in range(3)]
        router = system.spawn(Broadcast, [probe.ref for probe in probes])
        router.tell("told")

        assert await router.request("asked") == [0, 1, 2]
        assert [probe.messages for probe in probes] == [("told", "asked")] * 3


async def test_broadcast_answers_with_a_failure_if_one_fails():
    async with ActorSystem("test") as system:
        well, sick = Probe(system, answer=1), Probe(system, answer=lambda _: 1 // 0)
        router = system.spawn(Broadcast, [well.ref, sick.ref])

        with pytest.raises(ZeroDivisionError):
            await router.request("asked")


async def test_any_router_passes_on_to_all_when_it_is_told_to():
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker, size=3)

        assert await router.request(ToAll("who?")) == ["1", "2", "3"]


async def test_the_first_answer_wins_and_the_others_are_given_up():
    async with ActorSystem("test") as system:
        gate = trio.Event()
        slow = system.spawn(Worker, name="slow")
        slow.tell(gate)
        quick = Probe(system, answer="quick")
        router = system.spawn(FirstAnswer, [slow, quick.ref])

        assert await router.request("asked") == "quick"
        gate.set()
        await slow.request("what was given up is skipped")
        assert slow.actor_inbox.statistics().skipped == 1


async def test_a_failure_is_no_first_answer_unless_all_fail():
    async with ActorSystem("test") as system:
        sick = [Probe(system, answer=lambda _: 1 // 0).ref for _ in range(2)]
        well = Probe(system, answer="well").ref

        assert await system.spawn(FirstAnswer, [*sick, well]).request("asked") == "well"
        with pytest.raises(ExceptionGroup) as error:
            await system.spawn(FirstAnswer, sick).request("asked")
        assert [type(one) for one in error.value.exceptions] == [ZeroDivisionError] * 2


async def test_a_pool_is_resized_and_those_that_go_finish_what_they_have():
    async with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Worker, size=3)
        gate = trio.Event()
        busy = [router.request(gate) for _ in range(3)]
        waiting = [router.request("waits") for _ in range(3)]
        await router.request(Resize(1))
        gate.set()

        assert [await reply for reply in busy + waiting] == ["1", "2", "3"] * 2
        assert await names(router, 2) == ["1", "1"]


async def test_only_pools_are_resized_and_only_to_what_is_allowed():
    async with ActorSystem("test") as system:
        for router, size in (
            (system.spawn(RoundRobin, [system.spawn(Worker)]), 2),
            (system.spawn(RoundRobin, Worker), 0),
        ):
            with pytest.raises(ConfigurationError):
                await router.request(Resize(size))


async def test_an_elastic_pool_grows_under_load_and_shrinks_when_it_is_over(autojump_clock):
    elastic = Elastic(minimum=1, maximum=4, interval=1, grow_at=2, step=1, patience=3)
    async with ActorSystem("test") as system:
        router = system.spawn(SmallestMailbox, Worker, elastic=elastic)
        gate = trio.Event()
        for _ in range(40):
            router.tell(gate)
        await trio.sleep(5)
        grown = len(await router.request(GetRoutees()))
        gate.set()
        await trio.sleep(60)

        assert grown == 4
        assert len(await router.request(GetRoutees())) == 1


@pytest.mark.parametrize(
    ("waiting", "calm", "expected"),
    [
        ([9], 0, (2, 0)),
        ([9, 9, 9, 9], 0, (5, 0)),
        ([9] * 10, 3, (10, 0)),
        ([3, 3], 4, (2, 0)),
        ([0, 0], 0, (2, 1)),
        ([0, 0], 4, (1, 0)),
        ([0] * 8, 4, (6, 0)),
        ([0], 4, (1, 0)),
    ],
)
def test_the_size_of_an_elastic_pool_is_a_decision_about_numbers(waiting, calm, expected):
    assert Elastic(minimum=1, maximum=10).decide(waiting, calm) == expected


def test_what_contradicts_itself_is_refused_all_at_once():
    with pytest.raises(ConfigurationError) as error:
        Elastic(minimum=3, maximum=2, interval=0, grow_at=0, step=2, patience=0)

    for word in ("minimum", "interval", "shrink_at", "step", "patience"):
        assert word in str(error.value)


@pytest.mark.parametrize("options", [{"size": 2}, {"elastic": Elastic()}])
def test_sizes_are_for_pools(options):
    with ActorSystem("test") as system, pytest.raises(ConfigurationError, match="pools"):
        system.spawn(RoundRobin, [system.spawn(Worker)], **options)


def test_routers_serve_plain_handlers_and_threads():
    class Plain(Actor):
        def on_receive(self, message):
            return self.context.name

    with ActorSystem("test") as system:
        router = system.spawn(RoundRobin, Plain, size=2)

        assert [router.ask(n, timeout=5) for n in range(4)] == ["1", "2", "1", "2"]


@pytest.mark.parametrize("kind", [Broadcast, FirstAnswer])
async def test_when_the_asker_of_all_gives_up_what_was_not_begun_is_skipped(kind, autojump_clock):
    class Slow(Actor):
        async def on_receive(self, message):
            seen.append(message)
            await trio.sleep(10)

    seen = []
    async with ActorSystem("shop") as system:
        router = system.spawn(kind, Slow, size=2)
        router.tell("first")
        with trio.move_on_after(1):
            await router.request("given up")
        with pytest.raises(Timeout):
            await router.request("late", timeout=1)
        await trio.sleep(100)
        assert seen == ["first", "first"]
        routees = await router.request(GetRoutees())
        assert [ref.statistics().mailbox.skipped for ref in routees] == [2, 2]


@pytest.mark.parametrize("kind", [Broadcast, FirstAnswer])
async def test_whatever_a_routee_raises_is_the_askers_and_harms_no_other(kind, autojump_clock):
    class Exits(Actor):
        async def on_receive(self, message):
            raise GeneratorExit

    async with ActorSystem("shop") as system:
        router = system.spawn(kind, Exits, size=2)
        with pytest.raises((GeneratorExit, BaseExceptionGroup)):
            await router.request("x", timeout=5)
        assert system.statistics().events["Stopped"] == 2
        assert router.is_alive()
