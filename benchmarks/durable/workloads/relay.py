"""How fast 10,000 messages of an outbox are taken to Kafka, beside the driver alone."""

from itertools import count

from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._servers import Backlog, filled, servers, settings

NAME = "durable-relay"
OURS, RAW = "outbox to Kafka", "raw send and gather"
PROBE, CEILING = "benchmarks.durable.probes.relay", "benchmarks.durable.raw.relay"
GOAL = 0.7

NOTES = (
    "1,000 ordering keys, bodies of 200 characters; from the first claim to the last mark.",
    "raw: aiokafka's send for each record, then gather; the same records, made before the start.",
)


def run(options: Settings) -> Result:
    messages = options.size(10_000, 2_000)
    rates: dict[str, list[float]] = {RAW: [], OURS: []}
    topics = (f"relay-{number}" for number in count())
    with servers() as found:
        at = found.kafka.servers

        def fill(url: str) -> object:
            return measure(PROBE, url, at, "none", messages, "fill")

        with filled(found.postgres, fill) as backlog:
            for number in range(options.repeat):
                for name, values in rates.items():
                    topic = next(topics)
                    found.kafka.create_topic(topic)
                    values.append(_rate(name, backlog, at, topic, messages))
                    found.kafka.delete_topic(topic)
                    progress = f"{NAME} {number + 1}/{options.repeat}: {name}"
                    options.progress(f"{progress}: {values[-1]:,.0f}/s")
        notes = (settings(found.postgres), *NOTES)
    series = {name: Series(name, "messages/s", tuple(values)) for name, values in rates.items()}
    share = ratios(series[OURS], series[RAW])
    goal = Goal(share.name, share.median, "at least", GOAL, "x")
    return Result(NAME, [*series.values(), share], [goal], notes)


def _rate(name: str, backlog: Backlog, servers: str, topic: str, messages: int) -> float:
    if name == RAW:
        return float(measure(CEILING, servers, topic, messages)["rate"])
    with backlog.copy() as url:
        return float(measure(PROBE, url, servers, topic, messages, "relay")["rate"])


RELAY = Workload(
    NAME,
    "10,000 messages of an outbox to Kafka, beside the driver alone",
    run,
    Scenario(
        work="messages of an outbox are written to a topic, and marked",
        guarantee="at least once",
        knobs={"ordering keys": 1000, "body, characters": 200},
        ceiling="aiokafka's send of the same records",
        needs=(
            "PostgreSQL",
            "Kafka",
        ),
    ),
)
