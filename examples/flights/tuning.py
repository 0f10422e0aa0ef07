"""``python -m examples.flights.tuning``: a strategy for an outage, simulated and then run for real.

1. The endpoint of the notifications is put into the simulator, with outages of about the length
   that is feared, and better settings are searched for.
2. Today's settings and the recommended ones meet one scripted outage of the gateway: in the
   simulator, and then for real, on a bus, with the same seed.
3. Restarts, calls, recovery and losses are printed side by side.

docs/tuning.md tells what came of it.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import trio
from rich.console import Console
from rich.table import Table

from actorbus import Supervision
from actorbus.tuning import KNOBS, EndpointScenario, Tuning, search
from examples.flights.tuning_run import NAME, PATH, Case, Found, run_on_a_bus
from supervisors import Health, OneForOne, RestartChildren, simulate
from supervisors.simulator import (
    Arrivals,
    DependencyOutage,
    DependencyOutages,
    Endpoint,
    Every,
    FailureModel,
    Fixed,
    RecordedArrivals,
    Report,
)

KEEP = ("backoff_jitter", *(knob for knob in KNOBS if knob.startswith("retry_")))
"""Jitter is for many endpoints, which are not simulated, and here no message fails by itself."""

RUNS, SEED = 200, 7

ROOT = PATH.rpartition("/")[0]


def endpoint(
    case: Case, settings: Supervision, arrivals: Arrivals, outage: FailureModel
) -> Endpoint:
    """The endpoint of the notifications, as the simulator sees it."""
    return Endpoint(
        NAME,
        arrivals,
        Fixed(case.takes),
        [outage],
        backoff=settings.backoff,
        retry=settings.retry,
        breaker=settings.breaker,
    )


def tuned(case: Case, runs: int, seed: int) -> Tuning:
    """Search, where outages come at random, and are as long as the scripted one on average.

    A fifth of the messages is enough for that.
    """
    outages = DependencyOutages("gateway", every=3 * case.away, lasting=case.away)
    scenario = EndpointScenario(
        endpoint(case, Supervision(), Every(5 * case.interval), outages), 12 * case.away, seed
    )
    return search(scenario, budget=None, runs=runs, seed=seed, keep=KEEP)


def simulated(case: Case, settings: Supervision, seed: int) -> Found:
    """What the simulator says of the scripted outage."""
    outage = DependencyOutage(case.after, case.away)
    arrivals = RecordedArrivals([number * case.interval for number in range(case.messages)])
    report = simulate(
        OneForOne(max_restarts=None),
        [endpoint(case, settings, arrivals, outage)],
        until=case.until,
        seed=seed,
        root=ROOT,
    )
    return found_in(report, case)


def found_in(report: Report, case: Case) -> Found:
    """The same figures as those of a real run."""
    (load,) = report.loads
    return Found(
        sick=tuple(step.at for step in report.health if step.health is Health.SICK),
        restarted=tuple(
            step.at + step.decision.delay
            for step in report.steps
            if isinstance(step.decision, RestartChildren)
        ),
        calls_while_away=load.calls_while_away,
        recovery=load.recovery,
        handled=load.handled,
        lost=load.lost,
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """One strategy: what the simulator said, and what happened."""

    strategy: str
    settings: Supervision
    simulated: Found
    real: Found

    def rows(self) -> Sequence[tuple[str, float, float]]:
        """Each figure, simulated and real."""
        return [
            (name, getattr(self.simulated, name), getattr(self.real, name))
            for name in ("restarts", "calls_while_away", "recovery", "handled", "lost")
        ]


def main() -> int:
    """Do all of it; 0 when simulation and reality differ by less than the share allowed."""
    asked = _parser().parse_args()
    case = Case(away=asked.gateway_outage)
    tuning = tuned(case, asked.runs, asked.seed)
    strategies = {"default": Supervision(), "tuned": tuning.recommended.settings}
    compared = [
        Compared(
            name, settings, simulated(case, settings, asked.seed), _real(case, settings, asked)
        )
        for name, settings in strategies.items()
    ]
    worst = max(difference(*row[1:]) for one in compared for row in one.rows())
    if asked.json:
        print(json.dumps(_document(tuning, compared, worst), indent=2))
    else:
        _show(tuning, compared, worst)
    return 0 if worst <= asked.within else 1


def _real(case: Case, settings: Supervision, asked: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        store = f"sqlite:///{folder}/flights.db"
        return trio.run(run_on_a_bus, case, settings, asked.seed, store)


def difference(simulated: float, real: float) -> float:
    """By which share of the larger one two figures differ."""
    larger = max(abs(simulated), abs(real))
    return abs(simulated - real) / larger if larger else 0.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.flights.tuning",
        description="Tune the notifications for an outage of the gateway; simulate and run it.",
    )
    parser.add_argument(
        "--gateway-outage", type=float, default=9.0, metavar="SECONDS", help="how long it is away"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="simulated runs of the search")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--within", type=float, default=0.2, metavar="SHARE", help="the difference that is allowed"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _document(tuning: Tuning, compared: Sequence[Compared], worst: float) -> dict[str, Any]:
    return {
        "code": tuning.code(),
        "explained": [one.text for one in tuning.explained],
        "compared": [
            {
                "strategy": one.strategy,
                "settings": one.settings.settings(),
                "simulated": asdict(one.simulated),
                "real": asdict(one.real),
            }
            for one in compared
        ],
        "largest_difference": worst,
    }


def _show(tuning: Tuning, compared: Sequence[Compared], worst: float) -> None:
    for one in tuning.explained:
        print(f"{'*' if one.changed else ' '} {one.text}")
    print(f"\n{tuning.code()}")
    table = Table("", *(f"{one.strategy}, {how}" for one in compared for how in ("sim", "real")))
    for rows in zip(*(one.rows() for one in compared), strict=True):
        table.add_row(rows[0][0], *(f"{value:.4g}" for row in rows for value in row[1:]))
    Console().print(table)
    print(f"the largest difference between simulation and reality: {worst:.1%}")


if __name__ == "__main__":
    logging.getLogger("actorbus").setLevel(logging.CRITICAL)  # the outage is wanted
    sys.exit(main())
