"""What each message may cost: `python -m benchmarks.durable` measures and writes it anew."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks._measure import Goal

FILE = Path(__file__).with_name("baseline.json")

TOLERANCE = {"statements": 0.15, "round_trips": 0.25, "wal_bytes": 0.15}
"""How much more than the baseline is allowed. How full batches are depends on the machine, and so
does how often a commit can begin the next transaction in its round trip: when somebody waits."""
SLACK = {"statements": 0.005, "round_trips": 0.005, "wal_bytes": 10.0}
"""The same in absolute terms, where the baseline is next to nothing."""

Costs = Mapping[str, Mapping[str, float]]
"""By what is done: statements, round trips and WAL bytes for each message."""


def read() -> Costs:
    costs: Costs = json.loads(FILE.read_text(encoding="utf-8"))
    return costs


def write(costs: Costs) -> None:
    rounded = {
        work: {name: round(value, 3) for name, value in cost.items()}
        for work, cost in costs.items()
    }
    FILE.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def goals(costs: Costs, baseline: Costs) -> Iterator[Goal]:
    """Compare each figure to the baseline; what is not in it has no goal."""
    for work, cost in costs.items():
        for name, value in cost.items():
            if name in baseline.get(work, {}):
                limit = allowed(name, baseline[work][name])
                yield Goal(f"{work}: {name}", value, "at most", limit)


def allowed(name: str, committed: float) -> float:
    return committed * (1 + TOLERANCE[name]) + SLACK[name]
