"""How fast 1,000 messages are stored in one transaction, beside the driver alone."""

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import Backlog, filled, servers, settings

NAME = "durable-publish"
GATEWAY, HANDLER, OUTBOX = "send_many", "a handler's sends", "bus.outbox.using"
COPY, EXECUTEMANY = "raw COPY", "raw executemany"
OURS = {GATEWAY: "gateway", HANDLER: "handler", OUTBOX: "outbox"}
RAW = {COPY: "copy", EXECUTEMANY: "executemany"}
MESSAGES = 1_000
GOAL = 0.5

NOTES = (
    "1,000 messages with bodies of 200 characters to a transaction, committed before the next.",
    "raw: the same rows, made before the clock starts; the bus encodes messages and makes ids.",
)


def run(options: Settings) -> Result:
    transactions = options.size(20, 2)
    rates: dict[str, list[float]] = {name: [] for name in (*OURS, *RAW)}
    with servers() as found:
        with filled(found.postgres, lambda url: measure(f"{PROBES}.fill", url, 1)) as backlog:
            for number in range(options.repeat):
                for name, values in rates.items():
                    values.append(_rate(name, backlog, transactions))
                    progress = f"{NAME} {number + 1}/{options.repeat}: {name}"
                    options.progress(f"{progress}: {values[-1]:,.0f}/s")
        notes = (settings(found.postgres), *NOTES)
    series = {name: Series(name, "messages/s", tuple(values)) for name, values in rates.items()}
    shares = [ratios(series[ours], series[raw]) for ours in OURS for raw in RAW]
    return Result(
        NAME,
        [*series.values(), *shares],
        [Goal(share.name, share.median, "at least", GOAL, "x") for share in shares],
        notes,
    )


PROBES = "benchmarks.durable.probes"


def _rate(name: str, backlog: Backlog, transactions: int) -> float:
    module, how = (
        (f"{PROBES}.publish", OURS[name])
        if name in OURS
        else ("benchmarks.durable.raw.publish", RAW[name])
    )
    with backlog.copy() as url:
        return float(measure(module, url, MESSAGES, transactions, how)["rate"])


PUBLISH = Workload(
    NAME,
    "1,000 messages in one transaction, beside COPY and executemany",
    run,
    Scenario(
        work="a transaction that stores 1,000 messages",
        guarantee="at least once",
        knobs={"messages to a transaction": MESSAGES, "body, characters": 200},
        ceiling="COPY and executemany of the same rows by asyncpg",
        needs=("PostgreSQL",),
    ),
)
