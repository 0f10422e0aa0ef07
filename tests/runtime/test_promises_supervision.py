"""What supervision promises in the corners: group restarts, half-made actors, ends within ends."""

import threading
from typing import Any, cast

import pytest
import trio

from actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    Mailbox,
    Supervisor,
    SystemFailed,
)
from actors.events import BackingOff, DeadLetter, Escalated, Failed, HookFailed, Started, Stopped
from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Directive,
    OneForAll,
    OneForOne,
    RestForOne,
)

WAIT_TEN = Backoff(initial=10, jitter=0, first_immediate=False)


class Echo(Actor):
    async def on_receive(self, message):
        return message


class Member(Actor):
    """Logs its starts; an exception as message is raised, a number is slept."""

    def __init__(self, log):
        super().__init__()
        self.log = log

    async def on_start(self):
        self.log.append(f"{self.context.name} {trio.current_time():g}")

    async def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        await trio.sleep(message)


def members(log, names, **kinds):
    return [
        ChildSpec(Member, (log,), name=name, restart=kinds.get(name, "transient")) for name in names
    ]


# -- groups ------------------------------------------------------------------------------------


async def test_a_restart_of_a_group_goes_on_without_a_member_that_ends_after_its_delay(
    autojump_clock,
):
    log = []
    async with ActorSystem("shop") as system:
        strategy = RestForOne(backoff=WAIT_TEN)
        children = members(log, "abc", a="temporary")
        await system.spawn(Supervisor, strategy, children, name="group").started()
        system["group/b"].tell(ValueError())
        await trio.sleep(2)
        system["group/a"].tell(ValueError())
        await trio.sleep(20)
    assert log == ["a 0", "b 0", "c 0", "b 10", "c 10"]


async def test_a_member_that_ends_while_others_are_still_stopped_leaves_nobody_behind(
    autojump_clock,
):
    log = []
    async with ActorSystem("shop") as system:
        children = members(log, "abc", a="temporary")
        await system.spawn(Supervisor, RestForOne(), children, name="group").started()
        system["group/c"].tell(3)  # it takes 3 s to be stopped
        await trio.sleep(1)
        system["group/b"].tell(ValueError())
        await trio.sleep(1)
        system["group/a"].tell(ValueError())
        await trio.sleep(10)
        assert log == ["a 0", "b 0", "c 0", "b 3", "c 3"]
        await system["group/b"].request(0, timeout=1)
        await system["group/c"].request(0, timeout=1)


async def test_a_member_that_fails_to_start_holds_up_those_behind_it(autojump_clock):
    """The one after it must not start in the moment between its failure and the decision."""
    log, broken = [], [True]

    class Fragile(Member):
        async def on_start(self):
            await super().on_start()
            if self.restarts and broken:
                broken.clear()
                raise ValueError

    async with ActorSystem("shop") as system:
        children = members(log, "abcd")
        children[1] = ChildSpec(Fragile, (log,), name="b")
        strategy = OneForAll(backoff=Backoff(initial=10, jitter=0))
        await system.spawn(Supervisor, strategy, children, name="group").started()
        system["group/d"].tell(ValueError())
        await trio.sleep(100)
    first, second, third = log[:4], log[4:6], log[6:]
    assert first == ["a 0", "b 0", "c 0", "d 0"]
    assert second == ["a 0", "b 0"]
    assert third == ["a 10", "b 10", "c 10", "d 10"]


@pytest.mark.parametrize("steps", range(4))
async def test_a_member_told_to_start_is_held_back_when_its_group_fails_in_that_moment(
    steps, autojump_clock
):
    """B has its order to start, and has not come to it, when A fails: trio's order is random."""

    class First(Member):
        async def on_start(self):
            await super().on_start()
            if self.restarts == 1:
                self.context.start_soon(self.fail)

        async def fail(self):
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            raise ValueError

    for number in range(10):
        log = []
        async with ActorSystem("shop") as system:
            children = members(log, "abc")
            children[0] = ChildSpec(First, (log,), name="a")
            strategy = OneForAll(backoff=WAIT_TEN)
            await system.spawn(Supervisor, strategy, children, name="group").started()
            system["group/c"].tell(ValueError())
            await trio.sleep(100)
        late = [line.split()[0] for line in log if line.endswith(f" {100 * number + 30}")]
        assert late == ["a", "b", "c"]


async def test_who_fails_while_its_supervisor_is_stopped_is_not_restarted(autojump_clock, record):
    log = []
    async with ActorSystem("shop", shutdown_timeout=60) as system:
        sup = system.spawn(Supervisor, None, members(log, "ab"), name="group")
        await sup.started()
        started = record(system, Started)
        system["group/b"].tell(4)  # b is stopped first, and has 4 s of work in hand
        await trio.sleep(1)
        stopping = sup.stop()
        await trio.sleep(1)
        system["group/a"].tell(ValueError())
        await stopping
    assert started == []


@pytest.mark.parametrize("strategy", [OneForOne(0), OneForAll(0), RestForOne(0)])
async def test_a_supervisor_that_resumes_after_an_escalation_has_stopped_its_children(
    strategy, autojump_clock, record
):
    log = []
    async with ActorSystem(
        "shop", strategy=OneForOne(decider=lambda _: Directive.Resume)
    ) as system:
        sup = system.spawn(Supervisor, strategy, members(log, "abc"), name="group")
        await sup.started()
        stopped = record(system, Stopped)
        system["group/b"].tell(ValueError())
        await trio.sleep(1)
        assert [event.path for event in stopped] == ["shop/group/b", "shop/group/c", "shop/group/a"]
        assert sup.is_alive()


# -- half-made actors --------------------------------------------------------------------------


class BadInit(Actor):
    def __init__(self, leaked=None):
        super().__init__()
        if leaked is not None:
            leaked.append((self.actor_ref, self.context.spawn(Echo)))
            self.context.schedule_every(1, "tick", to=leaked[0][0])
        raise ValueError("in __init__")


async def test_a_child_whose_init_fails_fails_its_supervisor_which_ends_when_it_gives_up(
    autojump_clock, record
):
    async with ActorSystem("shop") as system:
        failed = record(system, Failed)
        children = [ChildSpec(Echo, name="good"), ChildSpec(BadInit, name="bad")]
        sup = system.spawn(Supervisor, None, children, name="group")
        with trio.fail_after(60):
            await sup.terminated()
        assert {(event.path, event.phase) for event in failed} == {("shop/group", "start")}
        assert len(failed) == 4


async def test_children_that_never_began_end_with_their_supervisor(autojump_clock):
    class Hangs(Echo, shutdown_timeout=1.0):
        async def on_start(self):
            await trio.sleep_forever()

    async with ActorSystem("shop", shutdown_timeout=60) as system:
        children = [Hangs, ChildSpec(Echo, name="next")]
        system.spawn(ChildSpec(Supervisor, (None, children), name="group", shutdown_timeout=1))
        await trio.sleep(1)
        ref = system["group/next"]
        reply = ref.request("never handled")
        began = trio.current_time()
    assert trio.current_time() - began <= 3
    with pytest.raises(ActorDeadError):
        await reply
    with pytest.raises(ActorDeadError):
        ref.tell("too late")


async def test_what_a_failed_init_had_begun_is_taken_back(autojump_clock, record):
    leaked = []
    async with ActorSystem("shop") as system:
        before = system.statistics().actors
        with pytest.raises(ValueError, match="in __init__"):
            system.spawn(BadInit, leaked, name="bad")
        leaked_ref, child = leaked[0]
        with pytest.raises(KeyError):
            system["bad"]
        await child.terminated()
        await leaked_ref.terminated()
        with pytest.raises(ActorDeadError):
            leaked_ref.tell("nobody is there")
        assert system.statistics().actors == before
        system.spawn(Echo, name="bad")  # the name is free


async def test_on_failure_is_not_called_on_an_instance_that_was_never_made(autojump_clock, record):
    class Fragile(Actor):
        def __init__(self, log):
            super().__init__()
            self.log = log
            log.append(f"init {self.restarts}")
            if self.restarts == 1:
                raise OSError
            self.whole = True

        async def on_failure(self, kind, error, traceback):
            self.log.append(f"{kind.__name__} on {self.restarts}, whole: {self.whole}")

        async def on_receive(self, message):
            raise ValueError

    log = []
    async with ActorSystem("shop") as system:
        hooks = record(system, HookFailed)
        system.spawn(Fragile, log).tell("boom")
        await trio.sleep(10)
    assert log == ["init 0", "ValueError on 0, whole: True", "init 1", "init 2"]
    assert hooks == []


async def test_a_system_that_ends_while_a_thread_is_making_an_actor_waits_for_it():
    inside, leave = threading.Event(), threading.Event()

    class SlowInit(Echo):
        def __init__(self):
            inside.set()
            leave.wait(10)
            super().__init__()

    made = []

    def spawn(system):
        made.append(system.spawn(SlowInit))

    async with trio.open_nursery() as nursery, ActorSystem("shop") as system:
        nursery.start_soon(trio.to_thread.run_sync, spawn, system)
        await trio.to_thread.run_sync(inside.wait)
        system.call_soon(lambda: threading.Timer(0, leave.set).start())
    assert not made[0].is_alive()


@pytest.mark.parametrize("factory", [lambda: None, lambda: 5, lambda: Echo])
async def test_a_factory_that_makes_no_actor_is_refused_and_leaves_nothing(factory):
    async with ActorSystem("shop") as system:
        with pytest.raises(TypeError, match="returned"):
            system.spawn(factory, name="none")
        assert system.statistics().actors == 0
        system.spawn(Echo, name="none")


# -- ends within ends --------------------------------------------------------------------------


async def test_nothing_that_on_stop_begins_outlives_its_actor(autojump_clock):
    log, other = [], []

    class Parting(Echo):
        async def on_stop(self):
            self.context.start_soon(self.stay)
            self.context.schedule_every(1, "tick", to=other[0])
            self.context.watch(other[0])
            with pytest.raises(ActorDeadError):
                self.context.spawn(Echo)
            log.append("on_stop")

        async def stay(self):
            await trio.sleep_forever()

    class Other(Actor):
        async def on_receive(self, message):
            log.append(message)

    async with ActorSystem("shop") as system:
        other.append(system.spawn(Other))
        ref = system.spawn(Parting)
        await ref.stop()
        await trio.sleep(10)
        assert system.statistics().actors == 1
        assert len(system._nursery.child_tasks) == 2  # the timers, and Other
        assert other[0]._cell.watchers == {}
    assert log == ["on_stop"]


async def test_a_stop_while_an_instance_is_taken_down_does_not_wait_for_the_backoff(
    autojump_clock,
):
    class Slow(Actor):
        async def on_receive(self, message):
            raise ValueError

        async def on_failure(self, *exc_info):
            await trio.sleep(1)

    async with ActorSystem("shop", strategy=OneForOne(backoff=WAIT_TEN)) as system:
        ref = system.spawn(Slow)
        ref.tell("boom")
        await trio.sleep(0.5)
        await ref.stop()
        assert trio.current_time() == 1


async def test_a_stop_during_an_immediate_restart_keeps_its_place(autojump_clock):
    handled = []

    class Slow(Actor):
        async def on_receive(self, message):
            if message == "boom":
                raise ValueError
            handled.append(message)

        async def on_failure(self, *exc_info):
            await trio.sleep(1)

    async with ActorSystem("shop") as system:
        ref = system.spawn(Slow)
        ref.tell("boom")
        ref.tell("before the stop")
        await trio.sleep(0.5)
        await ref.stop()
    assert handled == ["before the stop"]


async def test_of_two_tasks_that_fail_together_none_is_swallowed(autojump_clock, record):
    class Busy(Echo):
        async def on_start(self):
            for number in range(2):
                self.context.start_soon(self.fail, number)

        async def fail(self, number):
            await trio.sleep(1)
            raise ValueError(number)

    async with ActorSystem("shop") as system:
        seen = record(system, Failed, HookFailed)
        system.spawn(Busy)
        await trio.sleep(1.5)
        assert {event.exception.args for event in seen} == {(0,), (1,)}
        assert sorted(type(event).__name__ for event in seen) == ["Failed", "HookFailed"]


async def test_a_task_may_unstash_what_waits_for_it(autojump_clock):
    class Connecting(Actor):
        def __init__(self, seen):
            super().__init__()
            self.seen, self.connected = seen, False

        async def on_start(self):
            self.context.start_soon(self.connect)

        async def connect(self):
            await trio.sleep(5)
            self.connected = True
            self.context.unstash_all()

        async def on_receive(self, message):
            if self.connected:
                self.seen.append(message)
            else:
                self.context.stash()

    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Connecting, seen)
        for number in range(3):
            ref.tell(number)
        await trio.sleep(6)
        assert seen == [0, 1, 2]


# -- escalation to the root --------------------------------------------------------------------


class Escalating(Actor, decider={ValueError: Directive.Escalate}):
    async def on_receive(self, message):
        raise ValueError(message)


async def test_an_escalation_reaches_a_body_that_waits_in_a_nursery_of_its_own(autojump_clock):
    with pytest.raises(SystemFailed) as caught:
        async with ActorSystem("shop") as system, trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            system.spawn(Escalating).tell("boom")
            await trio.sleep_forever()
    assert isinstance(caught.value.__cause__, ValueError)


async def test_what_the_body_raises_when_it_is_cancelled_names_the_failure(autojump_clock):
    async def clean_up():
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("clean-up")

    with pytest.raises(KeyError) as caught:
        async with ActorSystem("shop") as system:
            system.spawn(Escalating).tell("boom")
            await clean_up()
    assert "was escalated to its root" in caught.value.__notes__[0]


def test_an_escalation_is_raised_on_leaving_a_system_in_a_thread():
    with pytest.raises(SystemFailed), ActorSystem("shop") as system:
        ref = system.spawn(Escalating)
        ref.tell("boom")
        ref.terminated().get(timeout=10)


def test_the_error_of_a_body_whose_system_failed_beneath_it_says_so():
    with pytest.raises(ActorDeadError) as caught, ActorSystem("shop") as system:
        ref = system.spawn(Escalating)
        ref.tell("boom")
        ref.terminated().get(timeout=10)
        ref.ask("more", timeout=10)
    assert "was escalated to its root" in caught.value.__notes__[0]


# -- a stray Cancelled -------------------------------------------------------------------------


async def stray_cancelled():
    kept = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            kept.append(error)
            raise
    return kept[0]


class Stray(Actor):
    def __init__(self, error, where):
        super().__init__()
        self.error, self.where = error, where

    async def on_start(self):
        self.fail_in("on_start")
        if self.where == "task" and not self.restarts:
            self.context.start_soon(self.task)

    async def task(self):
        raise self.error

    async def on_receive(self, message):
        self.fail_in("on_receive")
        if self.where == "on_failure":
            raise ValueError
        return message

    async def on_failure(self, *exc_info):
        if self.where == "on_failure":
            raise self.error

    async def on_stop(self):
        self.fail_in("on_stop")

    def fail_in(self, where):
        if self.where == where and not self.restarts:
            raise self.error


class PlainStray(Stray):
    def on_receive(self, message):
        self.fail_in("on_receive")
        return message


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("where", ["on_start", "on_receive", "on_failure", "on_stop", "task"])
async def test_a_cancelled_that_nobody_asked_for_is_a_failure_like_any_other(
    where, grouped, autojump_clock, record
):
    error = await stray_cancelled()
    if grouped:
        error = BaseExceptionGroup("", [error])
    async with ActorSystem("shop") as system:
        seen = record(system, Failed, HookFailed)
        neighbour = system.spawn(Echo)
        ref = system.spawn(Stray, error, where)
        ref.tell("x")
        await trio.sleep(10)
        assert ref.is_alive()
        await ref.stop()
        assert await neighbour.request("unharmed") == "unharmed"
    raised = [event.exception for event in seen if not isinstance(event.exception, ValueError)]
    assert [type(one) for one in raised] == [RuntimeError]
    assert "nothing was being cancelled" in str(raised[0])


async def test_a_stray_cancelled_on_a_thread_costs_no_thread():
    error = await stray_cancelled()
    with trio.fail_after(10):
        async with ActorSystem("shop", max_threads=1) as system:
            ref = system.spawn(PlainStray, error, "on_receive")
            ref.tell("boom")
            assert await ref.request("again") == "again"


async def test_a_stray_cancelled_is_an_askers_answer_as_a_failure():
    error = await stray_cancelled()
    async with ActorSystem("shop") as system:
        with pytest.raises(RuntimeError, match="nothing was being cancelled"):
            await system.spawn(Stray, error, "on_receive").request("x")
        with pytest.raises(RuntimeError, match="nothing was being cancelled"):
            await system.run(Stray(error, "").task)


# -- options -----------------------------------------------------------------------------------


async def test_a_class_among_the_children_keeps_its_own_keywords(autojump_clock):
    class Own(
        Echo, restart="permanent", shutdown_timeout=9.0, backoff=WAIT_TEN, mailbox=Mailbox(7)
    ):
        pass

    async with ActorSystem("shop") as system:
        await system.spawn(Supervisor, children=[Own], name="group").started()
        (child,) = system["group"]._cell.own_family().cells.values()
        assert child.settings == Own._settings


def test_a_system_names_all_options_that_it_refuses_at_once():
    with pytest.raises(ConfigurationError) as caught:
        ActorSystem(
            "a/b",
            strategy=cast("Any", OneForAll),
            clock=cast("Any", "noon"),
            shutdown_timeout=float("nan"),
            runs_on=cast("Any", "curio"),
            max_threads=0,
            max_processes=True,
        )
    refused = [problem.split("=")[0] for problem in caught.value.problems]
    assert refused == [
        *["name", "strategy", "clock", "shutdown_timeout", "runs_on", "max_threads"],
        "max_processes",
    ]


def test_a_class_names_all_keywords_that_it_refuses_at_once():
    with pytest.raises(ConfigurationError) as caught:

        class Wrong(Actor, restart="often", mailbox="big", drain=1, runs_on="curio", colour="red"):
            pass

    assert caught.value.owner == "Wrong"
    text = str(caught.value)
    assert all(key in text for key in ("restart", "mailbox", "drain", "runs_on", "colour"))
    assert len(caught.value.problems) == 5


async def test_an_unnamed_actor_finds_a_name_whatever_names_were_given():
    async with ActorSystem("shop") as system:
        given = [system.spawn(Echo, name=f"echo-{number}") for number in range(2, 5)]
        made = [system.spawn(Echo) for _ in range(5)]
        assert len({ref.name for ref in given + made}) == 8


@pytest.mark.parametrize("name", ["", "a/b", "/", 5, b"a", ["a"]])
async def test_names_that_no_path_can_hold_are_refused_and_named(name):
    async with ActorSystem("shop") as system:
        with pytest.raises(ValueError, match="name="):
            system.spawn(Echo, name=name)


async def test_a_name_is_free_again_once_its_actor_has_ended_and_its_lookup_fails():
    async with ActorSystem("shop") as system:
        for _ in range(3):
            ref = system.spawn(Echo, name="worker")
            assert system["worker"] == ref == system["shop/worker"]
            await ref.stop()
            with pytest.raises(KeyError, match="worker"):
                system["worker"]
            with pytest.raises(KeyError):
                system["worker/below"]


async def test_a_strategy_may_be_shared_by_two_parents_and_counts_for_each(autojump_clock, record):
    strategy = OneForOne(1, 60, on_give_up="stop", backoff=None)
    async with ActorSystem("shop") as system:
        stopped, log = record(system, Stopped), []
        for name in ("one", "two"):
            await system.spawn(Supervisor, strategy, members(log, "a"), name=name).started()
        for name in ("one", "two", "one"):
            system[f"{name}/a"].tell(ValueError())
        await trio.sleep(1)
        assert [event.path for event in stopped] == ["shop/one/a"]
        assert system["two/a"].is_alive()


# -- timers and watches ------------------------------------------------------------------------


class Timed(Actor):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    async def on_receive(self, message):
        if callable(message):
            return message(self.context)
        self.seen.append((message, trio.current_time()))
        return None


NAN = float("nan")


@pytest.mark.parametrize(
    "call",
    [
        lambda context: context.schedule_once(NAN, "x"),
        lambda context: context.schedule_once(-1, "x"),
        lambda context: context.schedule_every(NAN, "x"),
        lambda context: context.schedule_every(0, "x"),
        lambda context: context.schedule_every(-1, "x"),
        lambda context: context.schedule_every(1, "x", initial=NAN),
        lambda context: context.schedule_every(1, "x", initial=-1),
    ],
)
async def test_times_that_are_none_are_refused_and_harm_no_other_timer(call, autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = system.spawn(Timed, seen)
        with pytest.raises(ValueError, match="is not allowed"):
            await ref.request(call)
        await ref.request(lambda context: context.schedule_once(0, "now"))
        await ref.request(lambda context: context.schedule_once(5, "later"))
        await trio.sleep(6)
        assert seen == [("now", 0), ("later", 5)]
        assert ref.statistics().timers == 0


async def test_an_interval_below_the_clocks_resolution_does_not_stop_the_run():
    async with ActorSystem("shop") as system:
        seen = []
        ref = system.spawn(Timed, seen)
        timer = await ref.request(lambda context: context.schedule_every(1e-300, "tick"))
        with trio.fail_after(10):
            while len(seen) < 3:
                await trio.lowlevel.checkpoint()
        timer.cancel()


async def test_cancelled_timers_are_forgotten(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Timed, [])

        def schedule(context):
            for _ in range(1_000):
                context.schedule_once(1_000, "x").cancel()
                context.schedule_every(1_000, "x").cancel()

        await ref.request(schedule)
        assert ref.statistics().timers == 0


async def test_a_timer_whose_target_has_ended_is_forgotten(autojump_clock):
    async with ActorSystem("shop") as system:
        ref, target = system.spawn(Timed, []), system.spawn(Echo)
        await ref.request(lambda context: context.schedule_every(1, "x", to=target))
        await target.stop()
        await trio.sleep(2)
        assert ref.statistics().timers == 0


async def test_a_watch_is_forgotten_once_its_notice_was_sent(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = system.spawn(Timed, [])
        for _ in range(10):
            target = system.spawn(Echo)
            await ref.request(lambda context, target=target: context.watch(target))
            await target.stop()
        assert ref._cell.watching == {}


async def test_actors_that_watch_each_other_and_themselves_all_end(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ring = [system.spawn(Timed, seen) for _ in range(3)]
        for watcher in ring:
            for target in ring:
                await watcher.request(lambda context, target=target: context.watch(target))
        for ref in ring:
            await ref.stop()
    assert len(seen) == 3  # the first one's end is seen by two, the second's by one


async def test_a_watcher_that_has_died_is_no_burden(autojump_clock):
    async with ActorSystem("shop") as system:
        target = system.spawn(Echo)
        watcher = system.spawn(Timed, [])
        await watcher.request(lambda context: context.watch(target))
        await watcher.stop()
        assert target._cell.watchers == {}
        await target.stop()


# -- stopping one another ----------------------------------------------------------------------


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure"])
@pytest.mark.parametrize("whom", ["itself", "parent", "sibling"])
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_stopping_one_another_in_hooks_always_ends(hook, whom, how, autojump_clock, record):
    class Child(Actor):
        def act(self, here):
            if here != hook or self.restarts:
                return
            parent = self.context.parent
            sibling = self.context.system["parent/sibling"]
            target = {"itself": self.actor_ref, "parent": parent, "sibling": sibling}[whom]
            assert target is not None
            target.kill() if how == "kill" else target.stop(block=False)

        async def on_start(self):
            self.act("on_start")

        async def on_stop(self):
            self.act("on_stop")

        async def on_failure(self, *exc_info):
            self.act("on_failure")

        async def on_receive(self, message):
            if message == "boom":
                raise ValueError

    class Parent(Echo):
        async def on_start(self):
            self.context.spawn(Echo, name="sibling")
            self.context.spawn(Child, name="child")

    async with ActorSystem("shop") as system:
        stopped = record(system, Stopped)
        parent = system.spawn(Parent, name="parent")
        await parent.started()
        await trio.sleep(1)
        if "parent/child" in [actor.path.removeprefix("shop/") for actor in system.tree().walk()]:
            child = system["parent/child"]
            child.tell("boom")
            await trio.sleep(1)
            child.stop()
        with trio.fail_after(30):
            await parent.stop()
        assert system.statistics().actors == 0
    assert len(stopped) == len({event.path for event in stopped}) == 3


# -- events name what happened -----------------------------------------------------------------


async def test_nobody_backs_off_escalates_or_fails_without_an_event(autojump_clock, record):
    async with ActorSystem("shop") as system:
        seen = record(system, Failed, BackingOff, Escalated, DeadLetter, Stopped)
        log = []
        sup = system.spawn(Supervisor, OneForOne(1, 60), members(log, "a"), name="group")
        await sup.started()
        for _ in range(2):
            system["group/a"].tell(ValueError())
        await trio.sleep(1)
        names = [type(event).__name__ for event in seen if event.path == "shop/group/a"]
    assert names[:3] == ["Failed", "BackingOff", "DeadLetter"]
    assert sorted(names[3:6]) == ["DeadLetter", "Escalated", "Failed"]


async def test_a_strategy_that_is_none_is_refused_where_the_first_child_is_made(
    autojump_clock, record
):
    class Careless(Actor):
        strategy = cast("Any", OneForAll)  # the class, where a value belongs

        async def on_start(self):
            self.context.spawn(Echo)

    async with ActorSystem("shop") as system:
        failed = record(system, Failed)
        system.spawn(Careless, name="careless")
        await trio.sleep(0.05)
        assert isinstance(failed[0].exception, ConfigurationError)
        assert "strategy=" in str(failed[0].exception)
