"""Restarts, backoff, giving up: in virtual time."""

import pytest
import trio

from actors import Actor, ActorDeadError, ActorRestarted, ActorSystem, Mailbox, MailboxFull
from actors.events import (
    BackingOff,
    DeadLetter,
    Escalated,
    GaveUp,
    MailboxOverflow,
    Restarted,
    Stopped,
)
from supervisors import Backoff, ChildSpec, Directive, OneForOne, Redeliver

BOOM = "boom"


class Fragile(Actor):
    """Fails on BOOM, remembers the rest."""

    def __init__(self, seen=None):
        super().__init__()
        self.seen = [] if seen is None else seen

    async def on_receive(self, message):
        if message == BOOM:
            raise ValueError(BOOM)
        self.seen.append(message)
        return self.restarts


async def fail(ref, times, every):
    for _ in range(times):
        ref.tell(BOOM)
        await trio.sleep(every)


async def test_the_fourth_failure_in_the_window_stops_that_child_alone(autojump_clock, record):
    strategy = OneForOne(max_restarts=3, within=10.0, on_give_up="stop", backoff=None)
    async with ActorSystem("shop", strategy=strategy) as system:
        gave_up = record(system, GaveUp)
        sick, well = system.spawn(Fragile, name="sick"), system.spawn(Fragile, name="well")
        await fail(sick, 3, every=1)
        assert sick.is_alive()

        await fail(sick, 1, every=1)

        assert not sick.is_alive()
        assert well.is_alive()
        assert [event.path for event in gave_up] == ["shop/sick"]


async def test_escalation_stops_the_siblings_in_reverse_and_fails_the_supervisor(
    autojump_clock, record
):
    log = []

    class Child(Actor):
        def __init__(self, tag):
            super().__init__()
            self.tag = tag

        async def on_receive(self, message):
            raise ValueError(BOOM)

        async def on_stop(self):
            log.append(self.tag)

    class Parent(Actor):
        strategy = OneForOne(max_restarts=3, within=10.0, backoff=None)

        async def on_start(self):
            for tag in "abc":
                self.context.spawn(Child, tag, name=tag)

        async def on_failure(self, kind, error, traceback):
            log.append((kind, self.restarts))

    async with ActorSystem("shop") as system:
        escalated = record(system, Escalated)
        parent = system.spawn(Parent, name="parent")
        await parent.started()
        await fail(system["parent/b"], 4, every=0.1)
        await trio.sleep(1)

        assert [event.path for event in escalated] == ["shop/parent/b"]
        assert log == [(ValueError, 0), "c", "a"]
        assert parent.is_alive()
        assert system["parent/b"].is_alive()


async def test_without_a_limit_ten_minutes_of_outage_end_in_recovery(autojump_clock):
    class Client(Actor):
        async def on_start(self):
            if trio.current_time() - begun < 600:
                raise ConnectionError

        async def on_receive(self, message):
            return "recovered"

    begun = trio.current_time()
    strategy = OneForOne(max_restarts=None, backoff=Backoff(initial=3, maximum=30))
    async with ActorSystem("shop", strategy=strategy) as system:
        assert await system.spawn(Client).request("well?") == "recovered"
        assert 600 <= trio.current_time() - begun <= 640


async def test_failures_that_are_spaced_wider_than_the_window_never_give_up(autojump_clock):
    strategy = OneForOne(max_restarts=3, within=10.0, backoff=None)
    async with ActorSystem("shop", strategy=strategy) as system:
        ref = system.spawn(Fragile)
        await fail(ref, 30, every=3.4)
        assert await ref.request("alive") == 30


async def test_a_failing_start_counts_as_a_restart(autojump_clock, record):
    class NeverUp(Actor):
        async def on_start(self):
            raise OSError

    async with ActorSystem("shop", strategy=OneForOne(max_restarts=3, within=60)) as system:
        backoffs = record(system, BackingOff)
        ref = system.spawn(NeverUp)
        with pytest.raises(ActorDeadError):
            await ref.started()
        await ref.terminated()
        assert len(backoffs) == 3


async def test_a_shutdown_between_endless_start_failures_is_prompt(autojump_clock):
    class NeverUp(Actor):
        async def on_start(self):
            raise OSError

    strategy = OneForOne(max_restarts=None, backoff=Backoff(initial=1000, maximum=1000))
    async with ActorSystem("shop", strategy=strategy) as system:
        system.spawn(NeverUp)
        await trio.sleep(1)
        before = trio.current_time()
    assert trio.current_time() - before < 0.1


async def test_stop_during_a_backoff_makes_no_new_instance(autojump_clock, record):
    starts, stops = [], []

    class NeverUp(Actor):
        async def on_start(self):
            starts.append(self.restarts)
            raise OSError

        async def on_stop(self):
            stops.append(self.restarts)

    strategy = OneForOne(max_restarts=None, backoff=Backoff(initial=1000, maximum=1000))
    async with ActorSystem("shop", strategy=strategy) as system:
        letters = record(system, DeadLetter)
        ref = system.spawn(NeverUp)
        await trio.sleep(1)
        ref.tell("waits")
        asked = ref.request("asked")
        assert await ref.stop() is True
        assert (starts, stops) == ([0], [])
        assert [event.message for event in letters] == ["waits"]
        with pytest.raises(ActorDeadError):
            await asked


async def test_999_messages_behind_the_failing_one_are_handled_in_order(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Fragile, seen)
        ref.tell(BOOM)
        for number in range(999):
            ref.tell(number)
        assert await ref.request("last") == 1
        assert seen == [*range(999), "last"]


async def test_during_a_backoff_messages_are_held_to_the_bound(autojump_clock, record):
    seen = []
    strategy = OneForOne(backoff=Backoff(initial=60, maximum=60, first_immediate=False))
    spec = ChildSpec(Fragile, (seen,), mailbox=Mailbox(capacity=5))
    async with ActorSystem("shop", strategy=strategy) as system:
        ref = system.spawn(spec)
        ref.tell(BOOM)
        await trio.sleep(1)
        for message in [1, BOOM, 3, 4, 5]:
            ref.tell(message)
        with pytest.raises(MailboxFull):
            ref.tell(6)
        await trio.sleep(300)
        assert seen == [1, 3, 4, 5]
        assert ref.statistics().mailbox.refused == 1
        assert ref.statistics().restarts == 2


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [("drop_newest", [1, 2], [3, 4]), ("drop_oldest", [3, 4], [1, 2])],
)
async def test_past_the_bound_the_overflow_policy_applies_and_is_counted(
    autojump_clock, record, policy, kept, dropped
):
    seen = []
    strategy = OneForOne(backoff=Backoff(initial=60, maximum=60, first_immediate=False))
    spec = ChildSpec(Fragile, (seen,), mailbox=Mailbox(capacity=2, overflow=policy))
    async with ActorSystem("shop", strategy=strategy) as system:
        overflows = record(system, MailboxOverflow)
        ref = system.spawn(spec)
        ref.tell(BOOM)
        await trio.sleep(1)
        for message in [1, 2, 3, 4]:
            ref.tell(message)
        await trio.sleep(300)
        assert seen == kept
        assert [event.message for event in overflows] == dropped
        assert ref.statistics().mailbox.dropped == 2


async def test_backoff_doubles_from_3_to_30_and_jitter_only_lengthens(autojump_clock, record):
    class NeverUp(Actor):
        async def on_start(self):
            raise OSError

    backoff = Backoff(initial=3, maximum=30, jitter=0.2)
    async with ActorSystem("shop", strategy=OneForOne(None, backoff=backoff)) as system:
        waits = record(system, BackingOff)
        system.spawn(NeverUp)
        await trio.sleep(120)
        for wait, least in zip(waits, [3, 6, 12, 24, 30], strict=False):
            assert least <= wait.delay <= least * 1.2
        assert len(waits) >= 5


async def test_backoff_falls_back_after_quiet_time_and_a_success(autojump_clock, record):
    backoff = Backoff(initial=3, maximum=30, jitter=0, reset_after=10, first_immediate=False)
    async with ActorSystem("shop", strategy=OneForOne(None, backoff=backoff)) as system:
        waits = record(system, BackingOff)
        ref = system.spawn(Fragile)
        await fail(ref, 2, every=20)  # quiet, without a success
        ref.tell("a success")
        await trio.sleep(20)
        await fail(ref, 1, every=20)
        assert [wait.delay for wait in waits] == [3, 6, 3]


async def test_a_hundred_actors_that_fail_together_come_back_spread_out(autojump_clock, record):
    strategy = OneForOne(backoff=Backoff(initial=10, jitter=0.2, first_immediate=False))
    async with ActorSystem("shop", strategy=strategy, seed=1) as system:
        restarts = record(system, Restarted)
        for _ in range(100):
            system.spawn(Fragile).tell(BOOM)
        await trio.sleep(30)
        times = sorted(event.time for event in restarts)
        assert len(set(times)) == 100
        assert times[-1] - times[0] > 1.5


async def test_the_same_seed_gives_the_same_backoffs(autojump_clock, record):
    async def delays():
        strategy = OneForOne(None, backoff=Backoff(first_immediate=False))
        async with ActorSystem("shop", strategy=strategy, seed=7) as system:
            waits = record(system, BackingOff)
            await fail(system.spawn(Fragile, name="a"), 3, every=5)
            return [wait.delay for wait in waits]

    assert await delays() == await delays()


@pytest.mark.parametrize(
    ("disposition", "handled", "letters"),
    [("dead_letter", 1, [BOOM]), ("discard", 1, []), (Redeliver(3), 3, [BOOM])],
)
async def test_the_message_in_hand_has_its_disposition(
    autojump_clock, record, disposition, handled, letters
):
    tries = []

    class Poisoned(Actor):
        async def on_receive(self, message):
            tries.append(message)
            raise ValueError(message)

    async with ActorSystem("shop") as system:
        dead = record(system, DeadLetter)
        ref = system.spawn(ChildSpec(Poisoned, disposition=disposition))
        ref.tell(BOOM)
        await trio.sleep(10)
        assert tries == [BOOM] * handled
        assert [event.message for event in dead] == letters
        assert ref.statistics().mailbox.discarded == (disposition == "discard")


async def test_a_failed_ask_is_the_askers_and_the_actor_goes_on(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Fragile)
        with pytest.raises(ValueError, match=BOOM):
            await ref.request(BOOM)
        assert await ref.request("alive") == 0


async def test_a_failed_ask_of_a_named_type_is_the_actors_failure_too(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(ChildSpec(Fragile, decider={ValueError: Directive.Restart}))
        with pytest.raises(ValueError, match=BOOM):
            await ref.request(BOOM)
        assert await ref.request("alive") == 1


@pytest.mark.parametrize(
    ("directive", "alive", "restarts"),
    [(Directive.Resume, True, 0), (Directive.Restart, True, 1), (Directive.Stop, False, 0)],
)
async def test_a_decider_chooses_the_directive(autojump_clock, directive, alive, restarts):
    async with ActorSystem("shop", strategy=OneForOne(decider={ValueError: directive})) as system:
        ref = system.spawn(Fragile)
        ref.tell(BOOM)
        await trio.sleep(1)
        assert ref.is_alive() is alive
        assert ref.statistics().restarts == restarts


@pytest.mark.parametrize(
    ("kind", "alive"), [("permanent", True), ("transient", False), ("temporary", False)]
)
async def test_stopping_itself_restarts_a_permanent_child_only(autojump_clock, kind, alive):
    class Quitter(Actor):
        async def on_receive(self, message):
            self.stop()

    async with ActorSystem("shop") as system:
        ref = system.spawn(ChildSpec(Quitter, restart=kind))
        ref.tell("quit")
        await trio.sleep(5)
        assert ref.is_alive() is alive


async def test_a_temporary_child_is_not_restarted(autojump_clock, record):
    async with ActorSystem("shop") as system:
        stopped = record(system, Stopped)
        ref = system.spawn(ChildSpec(Fragile, restart="temporary"))
        ref.tell(BOOM)
        await ref.terminated()
        assert [event.reason for event in stopped] == ["failed"]


async def test_a_group_of_exceptions_is_decided_by_its_severest_leaf(autojump_clock):
    class Grouped(Actor):
        async def on_receive(self, message):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.fail, KeyError("mild"))
                nursery.start_soon(self.fail, ValueError("severe"))

        async def fail(self, error):
            raise error

    decider = {KeyError: Directive.Resume, ValueError: Directive.Stop}
    async with ActorSystem("shop", strategy=OneForOne(decider=decider)) as system:
        ref = system.spawn(Grouped)
        ref.tell("go")
        await ref.terminated()
        assert not ref.is_alive()


async def test_sending_to_a_full_mailbox_resumes_the_sender(autojump_clock):
    class Sender(Actor):
        async def on_receive(self, message):
            if message == "flood":
                for _ in range(10):
                    target.tell(1)
            return self.restarts

    class Slow(Actor, mailbox=2):
        async def on_receive(self, message):
            await trio.sleep(1)

    async with ActorSystem("shop") as system:
        target, sender = system.spawn(Slow), system.spawn(Sender)
        sender.tell("flood")
        assert await sender.request("?") == 0


async def test_a_request_in_hand_when_a_group_restarts_says_so(autojump_clock):
    """The message in hand has the shutdown timeout; past it the asker hears of the restart."""
    from actors import Supervisor
    from supervisors import OneForAll

    class Hanging(Actor, shutdown_timeout=2.0):
        async def on_receive(self, message):
            await trio.sleep_forever()

    async with ActorSystem("shop") as system:
        children = [
            ChildSpec(Hanging, name="hanging", shutdown_timeout=2.0),
            ChildSpec(Fragile, name="fragile"),
        ]
        await system.spawn(Supervisor, OneForAll(), children, name="group").started()
        asked = system["group/hanging"].request("hang")
        before = trio.current_time()
        system["group/fragile"].tell(BOOM)
        with pytest.raises(ActorRestarted):
            await asked
        assert trio.current_time() - before == pytest.approx(2.0)


async def test_a_first_start_that_fails_while_messages_wait_loses_none(autojump_clock):
    class LateUp(Fragile):
        async def on_start(self):
            if self.restarts < 2:
                raise OSError

    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(LateUp, seen)
        for number in range(5):
            ref.tell(number)
        await ref.started()
        assert await ref.request("done") == 2
        assert seen == [0, 1, 2, 3, 4, "done"]


async def test_on_failure_runs_on_the_old_instance_and_on_stop_only_at_the_end(autojump_clock):
    log = []

    class Hooked(Fragile):
        async def on_start(self):
            log.append(("start", self.restarts))

        async def on_failure(self, kind, error, traceback):
            log.append(("failure", self.restarts))

        async def on_stop(self):
            log.append(("stop", self.restarts))

    async with ActorSystem("shop") as system:
        ref = system.spawn(Hooked)
        ref.tell(BOOM)
        await ref.request("up again")
    assert log == [("start", 0), ("failure", 0), ("start", 1), ("stop", 1)]
