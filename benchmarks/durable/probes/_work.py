"""The bus that the durable benchmarks drive: one command on one store channel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from actorbus import ActorBus, Batch, Transaction
from benchmarks.durable._entries import INSERT, INSERTS

CHANNEL = "work"
ENDPOINT = "work"


@dataclass(frozen=True, slots=True)
class Work:
    body: str


def make_bus(
    url: str,
    effect: str = "none",
    began: Callable[[str], object] = str,
    *,
    in_flight: int = 100,
    batch: int = 0,
    group: int = 1,
) -> ActorBus:
    """Return a bus whose handler does nothing, or inserts a row in its transaction.

    With `batch` it takes that many messages at once, and inserts their rows in one transaction.
    Up to `group` transactions share a commit.
    """
    bus = ActorBus("drain", store=url)
    bus.message("Work")(Work)
    bus.add_channel(CHANNEL, max_in_flight=in_flight, group_commit=group)
    declare = partial(bus.command_handler, channel=CHANNEL, endpoint_id=ENDPOINT)

    async def nothing(message: Work) -> None:
        began(message.body)

    async def insert(message: Work, tx: Transaction) -> None:
        began(message.body)
        await tx.execute(INSERT, message.body)

    async def insert_all(messages: list[Work], tx: Transaction) -> None:
        for message in messages:
            began(message.body)
        await tx.executemany(INSERT, [(one.body,) for one in messages])

    if effect != INSERTS:
        declare()(nothing)
    elif batch:
        declare(batch=Batch(batch, wait=0.0))(insert_all)
    else:
        declare()(insert)
    return bus
