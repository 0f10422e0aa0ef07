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
    began: Callable[[], None] = lambda: None,
    *,
    in_flight: int = 100,
    batch: int = 0,
) -> ActorBus:
    """Return a bus whose handler does nothing, or inserts a row in its transaction.

    With `batch` it takes that many messages at once, and inserts their rows in one transaction.
    """
    bus = ActorBus("drain", store=url)
    bus.message("Work")(Work)
    bus.add_channel(CHANNEL, max_in_flight=in_flight)
    declare = partial(bus.command_handler, channel=CHANNEL, endpoint_id=ENDPOINT)

    async def nothing(message: Work) -> None:
        began()

    async def insert(message: Work, tx: Transaction) -> None:
        began()
        await tx.execute(INSERT, message.body)

    async def insert_all(messages: list[Work], tx: Transaction) -> None:
        for _ in messages:
            began()
        await tx.executemany(INSERT, [(one.body,) for one in messages])

    if effect != INSERTS:
        declare()(nothing)
    elif batch:
        declare(batch=Batch(batch, wait=0.0))(insert_all)
    else:
        declare()(insert)
    return bus
