"""Statements, round trips and bytes of log for each message, beside the committed baseline."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import _baseline
from benchmarks._baseline import Costs
from benchmarks._measure import Result
from benchmarks._process import measure
from benchmarks._report import in_words
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._costs import Spent, each, spend, writes_whole_pages
from benchmarks.durable._entries import INSERTS
from benchmarks.durable._servers import Servers, servers
from tests.services import Postgres

NAME = "durable-costs"
FILE = Path(__file__).parents[1] / "baseline.json"
PROBES = "benchmarks.durable.probes"

NOTES = (
    "For each message, without what a start costs: the difference between many and few.",
    "publish: 100 to a transaction. drain: claimed and settled in batches.",
    "transaction: a handler that inserts one row, with the insert and the row's own bytes.",
    "Statements and round trips are counted on the wire; a batch of rows is one statement each.",
    "The baseline is benchmarks/durable/baseline.json; `python -m benchmarks.durable` writes it.",
)


def run(options: Settings) -> Result:
    costs = measured(options)
    return Result(
        NAME,
        _baseline.series(costs),
        list(_baseline.goals(costs, _baseline.read(FILE))),
        NOTES,
    )


def measured(options: Settings) -> Costs:
    """Measure all; of a server that logs whole pages, not the bytes of its log."""
    with servers() as found:
        costs = {}
        for work, cost in _all(found, options):
            costs[work] = dict(cost)
            if writes_whole_pages(found.services.postgres):
                del costs[work]["wal_bytes"]
            options.progress(f"{NAME}: {work}: {in_words(costs[work])}")
        return costs


def _all(found: Servers, options: Settings) -> Iterator[tuple[str, Mapping[str, float]]]:
    server = found.services.postgres
    many = options.size(2_200, 700)
    yield "publish", _difference(many, lambda count: _publish(server, count))
    yield "drain", _difference(many, lambda count: _drain(server, count, "none"))
    yield "transaction", _difference(many, lambda count: _drain(server, count, INSERTS))


FEW = 200


def _difference(many: int, spent: Callable[[int], Spent]) -> Mapping[str, float]:
    return each(spent(FEW), spent(many), many - FEW)


def _publish(server: Postgres, messages: int) -> Spent:
    with server.fresh_database() as url:
        measure(f"{PROBES}.fill", url, 1)
        transactions = messages // 100
        program = f"{PROBES}.publish"
        return spend(server, url, lambda url: measure(program, url, 100, transactions, "gateway"))


def _drain(server: Postgres, messages: int, effect: str) -> Spent:
    with server.fresh_database() as url:
        measure(f"{PROBES}.fill", url, messages)
        return spend(server, url, lambda url: measure(f"{PROBES}.drain", url, messages, effect))


COSTS = Workload(
    NAME,
    "statements, round trips and bytes of log for each message",
    run,
    Scenario(
        work="what the bus sends to PostgreSQL for each message",
        guarantee="at least once",
        needs=("PostgreSQL",),
    ),
)
