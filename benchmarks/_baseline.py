"""What each message may cost: counters beside a committed file, which a command writes anew."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks._measure import Goal, Series

TOLERANCE = {"statements": 0.15, "round_trips": 0.25, "wal_bytes": 0.15}
"""How much more than the baseline is allowed on a server. How full batches are depends on the
machine there, and so does how often a commit can begin the next transaction in its round trip."""
EXACT = {"wake_ups": 0.01, "calls": 0.03}
"""The same where nothing depends on the machine; what is not named may not cost more at all."""
OTHER_PYTHON = {**EXACT, "calls": 0.25, "blocks_held": 0.25}
"""The same with another minor version of Python than that of the baseline."""
SLACK = {
    "wal_bytes": 10.0,
    "commits": 0.001,
    "wake_ups": 0.01,
    "calls": 0.5,
    "blocks_kept": 0.1,
    "blocks_held": 0.5,
}
"""The same in absolute terms, where the baseline is next to nothing."""
LEAST = 0.005
"""Of what SLACK does not name; the baseline is rounded."""
UNITS = {"wal_bytes": "bytes"}

Costs = Mapping[str, Mapping[str, float]]
"""By what is done, and by counter: what each message takes."""


def read(file: Path) -> Costs:
    costs: Costs = json.loads(file.read_text(encoding="utf-8"))
    return costs


def write(file: Path, costs: Costs) -> None:
    rounded = {
        work: {name: round(value, 3) for name, value in cost.items()}
        for work, cost in costs.items()
    }
    file.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def series(costs: Costs) -> list[Series]:
    return [
        Series(f"{work}: {name}", UNITS.get(name, "each"), (value,))
        for work, cost in costs.items()
        for name, value in cost.items()
    ]


def goals(
    costs: Costs, baseline: Costs, tolerance: Mapping[str, float] = TOLERANCE
) -> Iterator[Goal]:
    """Compare each figure to the baseline; what is not in it has no goal."""
    for work, cost in costs.items():
        for name, value in cost.items():
            if name in baseline.get(work, {}):
                limit = allowed(name, baseline[work][name], tolerance)
                yield Goal(f"{work}: {name}", value, "at most", limit)


def allowed(name: str, committed: float, tolerance: Mapping[str, float] = TOLERANCE) -> float:
    return committed * (1 + tolerance.get(name, 0.0)) + SLACK.get(name, LEAST)
