"""A family of children for the tests of strategies: it stores decisions, as a runtime does."""

from dataclasses import replace

from supervisors import ChildState, EscalateFailure, Failure, LifecycleEvent, Status, StopChild


class Family:
    """Running children named by the letters of ``names``; ``kinds`` by name, default transient."""

    def __init__(self, strategy, names, **kinds):
        self.strategy = strategy
        self.states = {
            name: ChildState(name, index, kinds.get(name, "transient"), status=Status.RUNNING)
            for index, name in enumerate(names)
        }

    def fail(self, name, *, now=0.0, exception=None, phase="run", draw=0.0):
        """Ask for a decision on a failure, and store its states."""
        return self.decide(name, Failure(exception or ValueError(name), phase), now, draw)

    def stop_itself(self, name, *, now=0.0):
        return self.decide(name, Failure(None), now, 0.0)

    def decide(self, name, failure, now, draw):
        decision = self.strategy.decide(self.states, name, failure, now, draw)
        self.states.update((child.name, child) for child in decision.children)
        return decision

    def tell(self, names, *events, now=0.0):
        """Report the same events for several children."""
        for name in names:
            for event in events:
                self.states[name] = self.states[name].after(event, now)

    def carry_out(self, decision, *, now=0.0):
        """Do what a decision says, with all starts going well."""
        if isinstance(decision, StopChild | EscalateFailure):
            ended = getattr(decision, "stop", (decision.name,))
            self.tell(ended, LifecycleEvent.GONE, now=now)
            return
        self.tell(decision.stop, LifecycleEvent.GONE, now=now)
        self.tell(decision.start, LifecycleEvent.DUE, LifecycleEvent.STARTED, now=now)

    def crash(self, name, *, now=0.0, **options):
        """Fail, and carry the decision out."""
        decision = self.fail(name, now=now, **options)
        self.carry_out(decision, now=now + getattr(decision, "delay", 0.0))
        return decision

    def set(self, name, **fields):
        self.states[name] = replace(self.states[name], **fields)

    def statuses(self):
        return {name: str(child.status) for name, child in self.states.items()}
