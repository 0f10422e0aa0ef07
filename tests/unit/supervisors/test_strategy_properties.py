"""Any family, any order of events: what must hold of every decision.

The counts are kept here a second time, in the plainest way. It cannot catch a rule that both the
code and this page have wrong; the examples in test_strategies.py are for that.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervisors import (
    Backoff,
    ChildState,
    Decision,
    Directive,
    EscalateFailure,
    Failure,
    LifecycleEvent,
    OneForAll,
    OneForOne,
    Phase,
    RestartChildren,
    RestForOne,
    ResumeChild,
    Status,
    StopChild,
)

KINDS = st.sampled_from(["permanent", "transient", "temporary"])
DIRECTIVES = {
    ValueError: Directive.Restart,
    KeyError: Directive.Resume,
    OSError: Directive.Stop,
    EOFError: Directive.Escalate,
}
FAILURES = st.sampled_from([ValueError, ValueError, ValueError, KeyError, OSError, EOFError, None])
LIMITS = st.one_of(st.none(), st.integers(0, 4))
ALIVE = (Status.STARTING, Status.RUNNING, Status.SUSPENDED)
BACKOFF = Backoff(initial=1, factor=2, maximum=8, jitter=0.5, reset_after=5)


class SupervisorMachine(RuleBasedStateMachine):
    """A supervisor whose runtime carries decisions out piece by piece, in any order."""

    @initialize(
        kind=st.sampled_from([OneForOne, OneForAll, RestForOne]),
        limit=LIMITS,
        within=st.integers(1, 20),
        on_give_up=st.sampled_from(["stop", "escalate"]),
        restarts=st.lists(KINDS, min_size=1, max_size=4),
    )
    def supervise(self, kind, limit, within, on_give_up, restarts):
        self.strategy = kind(
            limit, within, on_give_up=on_give_up, backoff=BACKOFF, decider=DIRECTIVES
        )
        self.states = {
            str(index): ChildState(str(index), index, restart)
            for index, restart in enumerate(restarts)
        }
        self.now = 0.0
        self.counted = {}
        self.escalated = False

    def pick(self, data, *statuses):
        names = [child.name for child in self.states.values() if child.status in statuses]
        return data.draw(st.sampled_from(names)) if names else None

    def report(self, name, event):
        if name is not None:
            self.states[name] = self.states[name].after(event, self.now)

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(data=st.data())
    def an_instance_is_gone(self, data):
        self.report(
            self.pick(data, Status.RESTARTING, Status.STOPPING),
            LifecycleEvent.GONE,
        )

    @rule(data=st.data())
    def a_delay_is_over(self, data):
        self.report(self.pick(data, Status.BACKING_OFF), LifecycleEvent.DUE)

    @rule(data=st.data())
    def a_start_succeeds(self, data):
        self.report(self.pick(data, Status.STARTING), LifecycleEvent.STARTED)

    @rule(data=st.data())
    def a_message_is_handled(self, data):
        name = self.pick(data, Status.RUNNING)
        if name is not None:
            self.states[name] = self.states[name].success()

    @rule(data=st.data())
    def a_child_is_stopped_from_outside(self, data):
        self.report(self.pick(data, *Status), LifecycleEvent.STOP)

    @precondition(lambda self: not self.escalated)
    @rule(data=st.data(), kind=FAILURES, draw=st.floats(0, 1))
    def a_child_ends(self, data, kind, draw):
        name = self.pick(data, *ALIVE)
        if name is None:
            return
        before = self.states
        phase: Phase = "start" if before[name].status is Status.STARTING else "run"
        failure = Failure(kind and kind(), phase)
        decision = self.strategy.decide(before, name, failure, self.now, draw)
        self.states = before | {child.name: child for child in decision.children}
        self.check(decision, before, name, failure)

    def check(self, decision: Decision, before, name, failure):
        child = before[name]
        match decision:
            case ResumeChild():
                assert isinstance(failure.exception, KeyError)
                assert failure.phase == "run"
            case RestartChildren():
                assert self.count(name) or self.strategy.max_restarts is None
                self.check_restart(decision, before, child, failure)
            case StopChild(gave_up=True) | EscalateFailure(gave_up=True):
                assert not self.count(name)
                assert self.strategy.max_restarts is not None
            case StopChild():
                left = failure.exception is None and child.restart != "permanent"
                assert (
                    left or child.restart == "temporary" or isinstance(failure.exception, OSError)
                )
            case EscalateFailure():
                assert isinstance(failure.exception, EOFError)
        self.escalated = isinstance(decision, EscalateFailure)

    def check_restart(self, decision, before, child, failure):
        assert child.restart != "temporary"
        assert child.name in decision.stop
        assert child.name in decision.start
        assert list(decision.start) == sorted(decision.start)
        assert list(decision.stop) == sorted(decision.stop, reverse=True)
        for name in decision.start:
            assert before[name].restart != "temporary"
            assert not before[name].status.is_ending
        assert 0.0 <= decision.delay <= 8 * 1.5
        assert decision.delay >= 1.0 or failure.phase == "run"

    def count(self, name):
        """Count a restart plainly; whether it is within the limit."""
        times = self.counted.setdefault(name if not self.strategy.is_group else "group", [])
        times.append(self.now)
        recent = [at for at in times if at >= self.now - self.strategy.within]
        return len(recent) <= (self.strategy.max_restarts or 0)

    @invariant()
    def after_an_escalation_nobody_is_left(self):
        if getattr(self, "escalated", False):
            assert all(child.status.is_ending for child in self.states.values())

    @invariant()
    def windows_are_bounded(self):
        for child in getattr(self, "states", {}).values():
            assert len(child.window.restarts) <= (self.strategy.max_restarts or 0)


TestSupervisor = SupervisorMachine.TestCase
