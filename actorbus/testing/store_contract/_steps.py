"""Steps that the parts of the store contract are made of."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from actorbus._settlement import DeadLetter, DeadLetterReason
from actorbus._store import (
    Claimed,
    Demand,
    Store,
    Turn,
)
from actorbus.testing._store_samples import (
    CHANNEL,
    ENDPOINT,
    Listener,
    demand,
    failure,
    outgoing,
)


class OpenStore(Protocol):
    """Opens the store under test."""

    def __call__(
        self, process: str = "first", *, lease: float = 10.0, largest_body: int = 1_000_000
    ) -> AbstractAsyncContextManager[Store]:
        """Open it as a process of that name; close it at the end of the block."""
        ...


EXHAUSTED = DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure())


async def effects(store: Store) -> list[str]:
    """Return the committed rows of the table that the tests write to."""
    async with await store.snapshot("test") as snapshot:
        return [row[0] for row in await snapshot.fetch("SELECT name FROM effects ORDER BY name")]


async def make_effects(store: Store) -> None:
    """Make the table that the tests write to."""
    turn = await store.acquire("test")
    await turn.execute("CREATE TABLE effects (name TEXT)")
    await commit(turn)


async def write(turn: Turn, name: str) -> None:
    """Write a row."""
    await turn.execute("INSERT INTO effects (name) VALUES ($1)", (name,))


async def commit(turn: Turn) -> None:
    """Finish a turn and wait for its commit."""
    listener = Listener()
    await turn.finish(listener)
    await listener.wait()


async def claim_one(store: Store) -> Claimed:
    """Claim the one message that is ready."""
    (claimed,) = await store.claim([demand()])
    return claimed


async def bury(store: Store, name: str, **changes: object) -> None:
    """Make a dead letter."""
    await store.append([outgoing(name, **changes)])
    claimed = await store.claim([Demand(CHANNEL, (ENDPOINT, "other"), None, 1)])
    await store.settle([(each, EXHAUSTED) for each in claimed])
