"""One plan of failures through the simulator and through a running tree of actors: equal decisions.

The tree is a real one: a root, two actors of its own, and a supervisor with two more. Actors fail
at the planned times if they run then, and their starts fail while what they need is away. Time is
virtual. Compared are all restarts, delays, escalations and ends, to the microsecond.
"""

import logging
from dataclasses import dataclass

import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors import Actor, ActorSystem, Supervisor, SystemFailed
from actors.events import BackingOff, Escalated, GaveUp
from supervisors import (
    Backoff,
    ChildSpec,
    EscalateFailure,
    OneForAll,
    OneForOne,
    RestartChildren,
    RestForOne,
    StopChild,
    Strategy,
    simulate,
)
from supervisors.simulator import Crash, Outage, SimulatedFailureError, Tree

UNTIL = 60.0
ROOT_CHILDREN = ("clerk", "mailer")
TREE_CHILDREN = ("db", "cache")
PATHS = (*ROOT_CHILDREN, *(f"shop/{name}" for name in TREE_CHILDREN))
BACKOFF = Backoff(initial=0.5, maximum=4.0, jitter=0.2, reset_after=3.0)
MICROSECOND = 1e-6


@dataclass(frozen=True)
class Plan:
    """What befalls the actors, by path, in tenths of a second."""

    crashes: tuple[tuple[str, int], ...] = ()
    outages: tuple[tuple[str, int, int], ...] = ()
    root: Strategy = OneForOne(max_restarts=3, within=10.0, on_give_up="stop", backoff=BACKOFF)  # noqa: RUF009  # it is a frozen value
    shop: Strategy = OneForAll(max_restarts=2, within=10.0, backoff=BACKOFF)  # noqa: RUF009  # as above
    seed: int = 1

    @property
    def troubles(self) -> list[Crash | Outage]:
        """Each at a time of its own: which of two comes first at one instant is left open."""
        crashes = [
            Crash(path, at / 10 + 0.000_7 * (place + 1) + 0.000_013 * PATHS.index(path))
            for place, (path, at) in enumerate(self.crashes)
        ]
        outages = [
            Outage(path, at / 10 + 0.000_31 * (place + 1), (at + lasting) / 10 + 0.000_17)
            for place, (path, at, lasting) in enumerate(self.outages)
        ]
        return [*crashes, *outages]


def simulated(plan: Plan):
    report = simulate(
        plan.root,
        [*ROOT_CHILDREN, Tree("shop", plan.shop, TREE_CHILDREN)],
        plan.troubles,
        until=UNTIL,
        seed=plan.seed,
        root="model",
    )
    return [words for step in report.steps for words in said(step)]


def said(step):
    above = f"model/{step.supervisor}" if step.supervisor else "model"
    match step.decision:
        case RestartChildren(name=name, delay=delay):
            yield (step.at, f"{above}/{name}", "backs off", delay)
        case StopChild(name=name, gave_up=True):
            yield (step.at, f"{above}/{name}", "gave up", 0.0)
        case EscalateFailure(name=name, gave_up=gave_up):
            if gave_up:
                yield (step.at, f"{above}/{name}", "gave up", 0.0)
            yield (step.at, f"{above}/{name}", "escalated", 0.0)
        case other:
            raise TypeError(other)


class Scripted(Actor):
    """Fails when the plan says so; it has handled something as soon as it runs."""

    def __init__(self, plan: Plan, path: str, began_at: float) -> None:
        super().__init__()
        self.troubles = [one for one in plan.troubles if one.child == path]
        self.began_at = began_at

    async def on_start(self) -> None:
        now = trio.current_time() - self.began_at
        outages = [one for one in self.troubles if isinstance(one, Outage)]
        if any(one.start <= now < one.end for one in outages):
            raise SimulatedFailureError
        strikes = [one.at if isinstance(one, Crash) else one.start for one in self.troubles]
        following = min((at for at in strikes if at > now), default=None)
        if following is not None:
            self.context.start_soon(self.fail_at, self.began_at + following)
        self.context.ref.tell("hello")

    async def fail_at(self, time: float) -> None:
        await trio.sleep_until(time)
        raise SimulatedFailureError

    async def on_receive(self, message: object) -> None:
        """Succeed."""


async def real(plan: Plan):
    decided = []
    began_at = trio.current_time()

    def note(event):
        words = {BackingOff: "backs off", GaveUp: "gave up", Escalated: "escalated"}[type(event)]
        delay = event.delay if isinstance(event, BackingOff) else 0.0
        decided.append((event.time - began_at, event.path, words, delay))

    def spec(name, path):
        return ChildSpec(Scripted, (plan, path, began_at), name=name)

    try:
        async with ActorSystem("model", seed=plan.seed, strategy=plan.root) as system:
            system.events.subscribe(note, BackingOff, GaveUp, Escalated)
            for name in ROOT_CHILDREN:
                system.spawn(spec(name, name))
            children = [spec(name, f"shop/{name}") for name in TREE_CHILDREN]
            system.spawn(Supervisor, strategy=plan.shop, children=children, name="shop")
            await trio.sleep_until(began_at + UNTIL)
    except SystemFailed:
        pass  # the root escalated
    return [one for one in decided if one[0] <= UNTIL]


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def strategies():
    return st.builds(
        lambda kind, limits, give_up: kind(
            limits[0], within=10.0, on_give_up=give_up, backoff=limits[1]
        ),
        st.sampled_from([OneForOne, OneForAll, RestForOne]),
        st.sampled_from([(None, BACKOFF), (0, BACKOFF), (1, None), (3, BACKOFF), (10, None)]),
        st.sampled_from(["stop", "escalate"]),
    )


def plans():
    paths, times = st.sampled_from(PATHS), st.integers(5, 300)
    return st.builds(
        Plan,
        crashes=st.lists(st.tuples(paths, times), max_size=10, unique=True).map(tuple),
        outages=st.lists(
            st.tuples(paths, times, st.integers(1, 60)), max_size=3, unique_by=lambda one: one[0]
        ).map(tuple),
        root=strategies(),
        shop=strategies(),
        seed=st.integers(0, 3),
    )


@settings(max_examples=40)
@given(plan=plans())
@example(  # the restart of the group takes over that of its member, which is under way
    Plan(
        crashes=(("shop/db", 5),),
        outages=(("shop/cache", 5, 11),),
        shop=RestForOne(max_restarts=3, within=10.0, on_give_up="stop", backoff=BACKOFF),
    )
)
@example(
    Plan(
        crashes=tuple(("shop/db", at) for at in (10, 30, 45, 60, 75, 90, 100, 110)),
        outages=(("clerk", 100, 60), ("shop/cache", 200, 30)),
    )
)
def test_a_running_tree_decides_as_its_simulation(plan):
    expected = simulated(plan)

    found = trio.run(real, plan, clock=trio.testing.MockClock(autojump_threshold=0))

    assert [one[1:3] for one in found] == [one[1:3] for one in expected]
    for ours, theirs in zip(expected, found, strict=True):
        assert abs(ours[0] - theirs[0]) < MICROSECOND
        assert ours[3] == theirs[3]
