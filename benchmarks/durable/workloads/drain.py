"""How fast a backlog in PostgreSQL empties when its handler does nothing, in batches."""

from collections.abc import Sequence

from benchmarks._measure import Result
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings, Workload
from benchmarks.durable._drains import (
    Contender,
    bare_driver,
    our_bus,
    peer,
    result,
    take_turns,
)
from benchmarks.durable._servers import servers, settings

NAME = "durable-drain"
BUS, DEFAULT, RAW = "actorbus", "actorbus, max_in_flight=100", "raw asyncpg"
PGQUEUER, FASTSTREAM = "pgqueuer, batch 100", "faststream-outbox, flush 100"
IN_FLIGHT = 400
WANTED = {PGQUEUER: 2, FASTSTREAM: 3}

NOTES = (
    "All deliver at least once. Bodies have 200 characters.",
    "A backlog is stored before the clock starts; each round has a copy of its database.",
    "Rates are from the first handler's start to the last one's; then what was left is settled.",
    f"The bus claims up to max_in_flight={IN_FLIGHT} messages; its default, 100, is beside it.",
    "raw: the bus's claim and settlement, 100 at a time on two connections, in asyncpg on uvloop.",
)


def run(options: Settings) -> Result:
    with servers() as found:
        rates = take_turns(NAME, contenders(options), found.postgres, options)
        notes = (settings(found.postgres), *NOTES)
    return result(NAME, BUS, rates, WANTED, notes)


def contenders(options: Settings) -> Sequence[Contender]:
    messages = options.size(20_000, 1_000)
    return (
        our_bus(BUS, messages, "none", IN_FLIGHT),
        our_bus(DEFAULT, messages, "none"),
        bare_driver(RAW, messages, "none"),
        peer(PGQUEUER, "pgqueuer_peer", messages, "pgqueuer", "none", 100),
        peer(FASTSTREAM, "faststream_peer", messages, "faststream-outbox", "none", 100, 1),
    )


DRAIN = Workload(
    NAME,
    "a backlog in PostgreSQL, beside pgqueuer and faststream-outbox",
    run,
    Scenario(
        work="a handler that does nothing; settled in batches",
        guarantee="at least once",
        knobs={"max_in_flight": IN_FLIGHT, "body, characters": 200},
        peers=(Peer(PGQUEUER, "pgqueuer"), Peer(FASTSTREAM, "faststream-outbox")),
        ceiling="the bus's claim and settlement in asyncpg alone",
        needs=("PostgreSQL",),
    ),
)
