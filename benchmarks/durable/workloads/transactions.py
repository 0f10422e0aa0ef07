"""How fast a backlog in PostgreSQL empties when each handler inserts a row in its transaction."""

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
from benchmarks.durable._entries import INSERTS
from benchmarks.durable._servers import servers, settings

NAME = "durable-transactions"
BUS, GROUPED, RAW = "actorbus", "actorbus, group_commit=10", "raw asyncpg"
BATCHES = "actorbus, Batch(50)"
FASTSTREAM = "faststream-outbox, per-row ack"
SAQ, PROCRASTINATE = "SAQ", "procrastinate"
WANTED = {FASTSTREAM: 2, SAQ: 5, PROCRASTINATE: 5}

REASON = "a peer's insert is a transaction of its own: what is handled twice leaves two rows"
PEERS = (
    Peer(FASTSTREAM, "faststream-outbox", "at least once", REASON),
    Peer(SAQ, "saq", "at least once", REASON),
    Peer(PROCRASTINATE, "procrastinate", "at least once", REASON),
)

NOTES = (
    "Each handler inserts one row; the bus settles the message in the same transaction.",
    "A peer's insert is a transaction of its own: what is handled twice leaves two rows.",
    "The bus has its defaults: a transaction for each message, ten at once.",
    "group_commit=10: the same handler; up to ten of its transactions share a commit.",
    "Batch(50): a handler of its own kind, which takes 50 messages and has one transaction.",
    "The peers have as many workers as made them fastest here: 4, 20 and 10.",
    "raw: a transaction for each message on 8 connections, the bus's settlement in it.",
    "SAQ and procrastinate have a backlog of a fifth, with which they are faster.",
)


def run(options: Settings) -> Result:
    with servers() as found:
        rates = take_turns(NAME, contenders(options), found.postgres, options)
        notes = (settings(found.postgres), *NOTES)
    return result(NAME, BUS, rates, WANTED, notes)


def contenders(options: Settings) -> Sequence[Contender]:
    messages, fewer = options.size(10_000, 500), options.size(2_000, 200)
    return (
        our_bus(BUS, messages, INSERTS),
        our_bus(GROUPED, messages, INSERTS, 100, 0, 10),
        our_bus(BATCHES, messages, INSERTS, 400, 50),
        bare_driver(RAW, messages, INSERTS),
        peer(FASTSTREAM, "faststream_peer", messages, "faststream-outbox", INSERTS, 1, 4),
        peer(SAQ, "saq_peer", fewer, "saq", INSERTS, 20),
        peer(PROCRASTINATE, "procrastinate_peer", fewer, "procrastinate", INSERTS, 10),
    )


TRANSACTIONS = Workload(
    NAME,
    "handlers with a transaction, beside faststream-outbox, SAQ and procrastinate",
    run,
    Scenario(
        work="each handler inserts one row",
        guarantee="effectively once",
        knobs={"max_in_flight": 100, "concurrency": 10, "body, characters": 200},
        peers=PEERS,
        ceiling="a transaction for each message in asyncpg alone",
        needs=("PostgreSQL",),
    ),
)
