"""The counters as workloads: one of suite `embedded`, one of suite `actors`."""

import sys
from functools import partial
from pathlib import Path

from benchmarks import _baseline
from benchmarks._baseline import Costs
from benchmarks._measure import Result
from benchmarks._process import measure
from benchmarks._report import in_words
from benchmarks._scenario import Guarantee, Scenario
from benchmarks._settings import Settings, Workload

PYTHON = (3, 11)
"""That the baselines are of: calls and memory are a little different in each."""
FOLDER = Path(__file__).parent
PROBE = "benchmarks.counters.probe"
PARTS = {"costs": "embedded", "actors-costs": "runtime"}
"""By workload, what the probe counts; each has its baseline in a file of the part's name."""

NOTES = (
    "For each message or actor, without what a start costs: the difference between many and few.",
    "Nothing is timed. Statements and commits are the same in each run, the others to a hundredth.",
    "wake_ups: tasks that became runnable. calls: of functions, Python's and C's.",
    "blocks_kept: memory blocks that are left of each at the end; blocks_held: while it waits.",
    "A store in memory: the statements of one on disk, without its threads.",
)


def run(name: str, settings: Settings) -> Result:
    costs = counted(PARTS[name])
    for work, cost in costs.items():
        settings.progress(f"{name}: {work}: {in_words(cost)}")
    baseline = _baseline.read(file(PARTS[name]))
    same = sys.version_info[:2] == PYTHON
    tolerance = _baseline.EXACT if same else _baseline.OTHER_PYTHON
    goals = _baseline.goals(costs, baseline, tolerance)
    return Result(name, _baseline.series(costs), list(goals), NOTES)


def counted(part: str) -> Costs:
    costs: Costs = measure(PROBE, part, environment={"PYTHONHASHSEED": "0"})
    return costs


def file(part: str) -> Path:
    return FOLDER / f"{part}.json"


def _workload(name: str, work: str, guarantee: Guarantee) -> Workload:
    summary = "statements, commits, wake-ups, calls and memory of each, counted"
    return Workload(name, summary, partial(run, name), Scenario(work, guarantee))


COSTS = _workload("costs", "messages that are sent, and handled", "effectively once")
ACTORS_COSTS = _workload("actors-costs", "tells, asks, actors that start and stop", "at most once")
