"""What is measured, one module each."""

from collections.abc import Mapping, Sequence

from benchmarks._settings import Workload
from benchmarks.durable.workloads import DURABLE
from benchmarks.latency.workload import LATENCY
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
from benchmarks.workloads.tenants import TENANTS

EMBEDDED = (
    *(DRAIN, CALLS, QUERIES, PUBLISH, BATCHES, ORDERING, NEIGHBOURS, FAIRNESS, MEMORY),
    *(TENANTS, REPLAY),
)

WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload for workload in EMBEDDED + DURABLE + LATENCY
}

GROUPS: Mapping[str, Sequence[str]] = {
    "embedded": [workload.name for workload in EMBEDDED],
    "durable": [workload.name for workload in DURABLE],
    "latency": [workload.name for workload in LATENCY],
}
"""Names that stand for several. Those of `durable` need PostgreSQL, and some of them Kafka."""
