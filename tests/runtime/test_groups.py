"""Groups of children that restart together, and supervisors over supervisors; virtual time."""

from typing import Any, cast

import pytest
import trio

from actors import Actor, ActorSystem, Supervisor, SystemFailed
from actors.events import BackingOff, Stopped
from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Intensity,
    OneForAll,
    OneForOne,
    RestForOne,
)


class Child(Actor):
    """Logs its life; `fail_starts` says how many of its restarts fail."""

    def __init__(self, tag, log, fail_starts=0):
        super().__init__()
        self.tag, self.log, self.fail_starts = tag, log, fail_starts

    async def on_start(self):
        if 0 < self.restarts <= self.fail_starts:
            self.log.append(f"failed {self.tag}")
            raise OSError
        self.log.append(f"start {self.tag}")

    async def on_failure(self, kind, error, traceback):
        self.log.append(f"stop {self.tag}")

    async def on_stop(self):
        self.log.append(f"end {self.tag}")

    async def on_receive(self, message):
        if message == "boom":
            raise ValueError
        return self.restarts


class Watched(Child):
    """A child that shows that it is taken down by the end of a task of its own."""

    async def on_start(self):
        await super().on_start()
        self.context.start_soon(self.stand_by)

    async def on_failure(self, kind, error, traceback):
        pass

    async def stand_by(self):
        try:
            await trio.sleep_forever()
        finally:
            self.log.append(f"stop {self.tag}")


async def group(system, strategy, log, *, fail_starts=0, kind="transient", factory=Watched):
    children = [
        ChildSpec(
            factory,
            (tag, log),
            {"fail_starts": fail_starts if tag == "c" else 0},
            name=tag,
            restart=kind if tag == "c" else "transient",
        )
        for tag in "abc"
    ]
    await system.spawn(Supervisor, strategy, children, name="group").started()


async def test_one_for_all_stops_in_reverse_and_starts_in_order(autojump_clock):
    log = []
    async with ActorSystem("shop") as system:
        await group(system, OneForAll(backoff=None), log)
        log.clear()
        system["group/b"].tell("boom")
        await trio.sleep(1)
        assert log == ["stop c", "stop b", "stop a", "start a", "start b", "start c"]


async def test_rest_for_one_leaves_those_before_untouched(autojump_clock):
    log = []
    async with ActorSystem("shop") as system:
        await group(system, RestForOne(backoff=None), log)
        log.clear()
        system["group/b"].tell("boom")
        await trio.sleep(1)
        assert log == ["stop c", "stop b", "start b", "start c"]
        assert await system["group/a"].request("restarts?") == 0


async def test_a_group_waits_its_backoff_between_stopping_and_starting(autojump_clock):
    log = []
    strategy = OneForAll(backoff=Backoff(initial=20, jitter=0, first_immediate=False))
    async with ActorSystem("shop") as system:
        await group(system, strategy, log)
        log.clear()
        system["group/a"].tell("boom")
        await trio.sleep(19)
        assert log == ["stop c", "stop b", "stop a"]
        await trio.sleep(2)
        assert log[3:] == ["start a", "start b", "start c"]


async def test_a_member_that_fails_to_start_tears_the_started_ones_down_again(
    autojump_clock, record
):
    log = []
    async with ActorSystem("shop") as system:
        await group(system, OneForAll(backoff=Backoff(jitter=0)), log, fail_starts=1)
        log.clear()
        waits = record(system, BackingOff)
        system["group/b"].tell("boom")
        await trio.sleep(5)
        assert log == [
            *["stop c", "stop b", "stop a", "start a", "start b", "failed c"],
            *["stop b", "stop a", "start a", "start b", "start c"],
        ]
        assert [wait.delay for wait in waits] == [0, 0.1]


async def test_temporary_bystanders_are_not_restarted(autojump_clock):
    log = []
    async with ActorSystem("shop") as system:
        await group(system, OneForAll(backoff=None), log, kind="temporary")
        log.clear()
        system["group/b"].tell("boom")
        await trio.sleep(1)
        assert log == [
            *["stop c", "end c", "stop b", "stop a", "start a", "start b"],
        ]
        with pytest.raises(KeyError):
            system["group/c"]


async def test_a_group_that_is_shut_down_while_it_backs_off_ends_at_once(autojump_clock):
    log = []
    strategy = OneForAll(backoff=Backoff(initial=1000, maximum=1000, first_immediate=False))
    async with ActorSystem("shop") as system:
        await group(system, strategy, log)
        system["group/a"].tell("boom")
        await trio.sleep(1)
        before = trio.current_time()
    assert trio.current_time() - before < 1


async def test_messages_wait_while_their_group_restarts(autojump_clock):
    strategy = OneForAll(backoff=Backoff(initial=20, first_immediate=False))
    async with ActorSystem("shop") as system:
        await group(system, strategy, [])
        system["group/a"].tell("boom")
        await trio.sleep(1)
        assert [await system[f"group/{tag}"].request("?") for tag in "abc"] == [1, 1, 1]


async def test_nested_supervisors_pass_a_failure_up_one_level_at_a_time(autojump_clock, record):
    log = []
    inner = ChildSpec(
        Supervisor,
        (OneForOne(max_restarts=0), [ChildSpec(Child, ("x", log), name="x")]),
        name="inner",
    )
    async with ActorSystem("shop") as system:
        outer = system.spawn(Supervisor, OneForOne(backoff=None), [inner], name="outer")
        await outer.started()
        system["outer/inner/x"].tell("boom")
        await trio.sleep(1)
        assert system["outer/inner"].statistics().restarts == 1
        assert outer.statistics().restarts == 0
        assert await system["outer/inner/x"].request("?") == 0


async def test_an_escalation_at_the_root_ends_the_system(autojump_clock, record):
    log = []
    with pytest.raises(SystemFailed) as caught:
        async with ActorSystem("shop", strategy=OneForOne(0, on_give_up="escalate")) as system:
            stopped = record(system, Stopped)
            ref = system.spawn(Child, "x", log)
            system.spawn(Child, "y", log)
            ref.tell("boom")
            await trio.sleep_forever()
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(stopped) == 2


async def test_children_start_in_order_and_may_be_told_before(autojump_clock):
    log = []

    class Slow(Child):
        async def on_start(self):
            await trio.sleep(1)
            await super().on_start()

    async with ActorSystem("shop") as system:
        children = [ChildSpec(Slow, (tag, log), name=tag) for tag in "abc"]
        sup = system.spawn(Supervisor, children=children, name="s")
        await trio.sleep(0.5)
        assert await system["s/c"].request("?") == 0
        await sup.started()
        assert log == ["start a", "start b", "start c"]


async def test_a_supervisor_refuses_what_contradicts_itself():
    with pytest.raises(ConfigurationError, match="used 2 times"):
        Supervisor(children=[ChildSpec(Child, name="a"), ChildSpec(Child, name="a")])
    with pytest.raises(ConfigurationError, match="all its children together"):
        Supervisor(OneForAll(), [ChildSpec(Child, name="a", intensity=Intensity(1, 1))])
    with pytest.raises(ConfigurationError, match=r"strategy='one_for_all' is not allowed"):
        Supervisor(cast("Any", "one_for_all"))
