"""What is measured on the durable path, one module each."""

from benchmarks.durable.workloads.costs import COSTS
from benchmarks.durable.workloads.drain import DRAIN
from benchmarks.durable.workloads.hot_rows import HOT_ROWS
from benchmarks.durable.workloads.publish import PUBLISH
from benchmarks.durable.workloads.recovery import RECOVERY
from benchmarks.durable.workloads.relay import RELAY
from benchmarks.durable.workloads.transactions import TRANSACTIONS

DURABLE = (DRAIN, TRANSACTIONS, PUBLISH, RELAY, HOT_ROWS, RECOVERY, COSTS)
