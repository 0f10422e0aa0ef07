"""A dependency that is away, and an endpoint that probes it: enough of a scenario to search in."""

import random
from dataclasses import dataclass, field

from actorbus import Supervision
from actorbus.tuning import Costs
from supervisors import BackoffState


@dataclass(frozen=True)
class Probing:
    """`away` seconds, a bit more or less in each run; a message in `poison` tries fails."""

    away: float = 20.0
    poison: float = 0.3
    baseline: Supervision = field(default_factory=Supervision)

    def run(self, settings, number):
        draws = random.Random(number)
        away = self.away * draws.uniform(0.9, 1.1)
        now, load, state = 0.0, 0, BackoffState()
        while now < away:
            load += 1
            wait, state = settings.backoff.next(state, "run", now, draws.random())
            now += max(wait, 0.001)
        failing = random.Random(f"poison {number}")
        lost = sum(
            all(failing.random() < self.poison for _ in range(12)[: settings.retry.attempts])
            for _ in range(50)
        )
        return Costs(now - away, float(load), float(lost), 0.0)


@dataclass(frozen=True)
class Breaking:
    """A scenario whose run fails."""

    baseline: Supervision = field(default_factory=Supervision)

    def run(self, settings, number):
        raise ZeroDivisionError
