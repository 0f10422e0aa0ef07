"""The suites: which workloads belong together. Here, and nowhere else, a new one is registered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks._settings import Workload
from benchmarks.actors.compare import ACTORS
from benchmarks.counters.workload import ACTORS_COSTS, COSTS
from benchmarks.durable.workloads.costs import COSTS as DURABLE_COSTS
from benchmarks.durable.workloads.drain import DRAIN as DURABLE_DRAIN
from benchmarks.durable.workloads.hot_rows import HOT_ROWS
from benchmarks.durable.workloads.publish import PUBLISH as DURABLE_PUBLISH
from benchmarks.durable.workloads.recovery import RECOVERY
from benchmarks.durable.workloads.relay import RELAY
from benchmarks.durable.workloads.transactions import TRANSACTIONS
from benchmarks.faults.kill import KILL
from benchmarks.faults.neighbour import NEIGHBOUR
from benchmarks.faults.overload import OVERLOADS
from benchmarks.faults.restarts import RESTARTS
from benchmarks.kafka.consume import CONSUME
from benchmarks.latency.workload import LATENCY
from benchmarks.tenants.channels import CHANNELS
from benchmarks.tenants.dwell import DWELL
from benchmarks.workloads.batches import BATCHES
from benchmarks.workloads.calls import CALLS
from benchmarks.workloads.drain import DRAIN
from benchmarks.workloads.fairness import FAIRNESS
from benchmarks.workloads.memory import MEMORY
from benchmarks.workloads.neighbours import NEIGHBOURS
from benchmarks.workloads.ordering import ORDERING
from benchmarks.workloads.publish import PUBLISH
from benchmarks.workloads.queries import QUERIES
from benchmarks.workloads.replay import REPLAY
from benchmarks.workloads.simulator import SIMULATOR
from benchmarks.workloads.tenants import TENANTS


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    summary: str
    workloads: Sequence[Workload]


_ALL = (
    Suite(
        "actors",
        "the actor runtime, beside other actors and alone",
        (*ACTORS, ACTORS_COSTS, SIMULATOR),
    ),
    Suite(
        "embedded",
        "the bus in one process on SQLite, beside Huey",
        (DRAIN, CALLS, QUERIES, PUBLISH, BATCHES, ORDERING, NEIGHBOURS, MEMORY, REPLAY, COSTS),
    ),
    Suite(
        "postgres",
        "the bus on PostgreSQL, beside pgqueuer, faststream-outbox, SAQ and procrastinate",
        (DURABLE_DRAIN, TRANSACTIONS, DURABLE_PUBLISH, HOT_ROWS, DURABLE_COSTS),
    ),
    Suite("kafka", "the bus on Kafka, beside FastStream", (CONSUME, RELAY)),
    Suite(
        "faults",
        "what a failure costs: the time until all goes on, and what runs twice",
        (RECOVERY, KILL, RESTARTS, NEIGHBOUR, *OVERLOADS),
    ),
    Suite("tenants", "what tenants cost each other", (TENANTS, FAIRNESS, DWELL, CHANNELS)),
    Suite("latency", "how long messages take that come at a fixed rate", LATENCY),
)

SUITES: Mapping[str, Suite] = {suite.name: suite for suite in _ALL}

WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload for suite in _ALL for workload in suite.workloads
}


class UnknownName(ValueError):
    """Neither a suite nor a workload; the message lists those that are."""


def chosen(names: Sequence[str]) -> list[Workload]:
    """Return the workloads of suites and of single names, each once, in the order of the suites.

    `all` means all of them, and `durable` those that its own measurements begin with. A suite's
    name goes before a workload's. Raises UnknownName, with all that is unknown.
    """
    wanted = {one for name in names for one in _named(name)}
    unknown = [name for name in names if not list(_named(name))]
    if unknown:
        known = ", ".join(["all", *SUITES, "durable", *WORKLOADS])
        raise UnknownName(f"no suite or workload {', '.join(unknown)} (known: {known})")
    return [workload for name, workload in WORKLOADS.items() if name in wanted]


def suite_of(workload: str) -> str:
    """Return the name of the suite that a workload belongs to."""
    return next(
        suite.name for suite in _ALL if any(one.name == workload for one in suite.workloads)
    )


def _named(name: str) -> Iterator[str]:
    if name == "all":
        yield from WORKLOADS
    elif name == "durable":
        yield from (one for one in WORKLOADS if one.startswith("durable-"))
    elif name in SUITES:
        yield from (workload.name for workload in SUITES[name].workloads)
    elif name in WORKLOADS:
        yield name
