"""What the operator does: mends what made the dead letters, then has those handled again."""

import json
from collections import Counter

import trio

from actorbus import ActorBus, DeadLetterFilter, DeadLetterRow
from examples.flights.app import DEPARTURES, NOTIFICATIONS, STATISTICS
from examples.flights.messages import GetProgress, Progress, RepairGateway

LOOK_EVERY = 0.1
"""Seconds between two looks at the store."""


async def all_settled(bus: ActorBus) -> None:
    """Return when nothing waits and nothing is held, in any process; dead letters do not count."""
    while await unfinished(bus):  # noqa: ASYNC110  # other processes settle messages too
        await trio.sleep(LOOK_EVERY)


async def unfinished(bus: ActorBus) -> int:
    """Count the messages that are not done and not dead."""
    queues = await bus.store.statistics()
    return sum(queue.ready + queue.waiting + queue.claimed + queue.parked for queue in queues)


async def all_recorded(bus: ActorBus, sent: int) -> None:
    """Return when all that was sent, and what followed from it, is settled or dead.

    Also what a broker has, which no table shows: each departure is recorded or dead, and each late
    one has taken effect in both subscribers, or is dead there.
    """
    while await unfinished(bus) or await missing(bus, sent):  # noqa: ASYNC110  as above
        await trio.sleep(LOOK_EVERY)


async def missing(bus: ActorBus, sent: int) -> bool:
    """Whether an effect is still to come."""
    there: Progress = await bus.queries.ask(GetProgress())
    dead = Counter[str]()
    for queue in await bus.store.statistics():
        dead[queue.channel] += queue.dead
    return (
        there.departed + dead[DEPARTURES] < sent
        or there.statistics + dead[STATISTICS] < there.late
        or there.notifications + dead[NOTIFICATIONS] < there.late
    )


async def mend(bus: ActorBus) -> int:
    """Repair the gateway for the carriers that it refused, and replay what died of that.

    Returns how many dead letters were replayed.
    """
    refused = DeadLetterFilter(channel=NOTIFICATIONS, reason="attempts exhausted")
    for carrier in await carriers(bus, refused):
        await bus.commands.send(RepairGateway(carrier))
    return await bus.dead_letters.replay(refused)


async def carriers(bus: ActorBus, matching: DeadLetterFilter) -> Counter[str]:
    """Count dead letters by carrier."""
    found: Counter[str] = Counter()
    after = 0
    while page := await bus.dead_letters.list(matching, limit=500, after=after):
        found.update(carrier(letter) for letter in page)
        after = page[-1].number
    return found


def carrier(letter: DeadLetterRow) -> str:
    """Return whose flight a dead letter is about: its tenant, or the header of its command."""
    return letter.tenant or str(json.loads(letter.headers)["carrier"])


async def reasons(bus: ActorBus) -> Counter[str]:
    """Count all dead letters by reason."""
    found: Counter[str] = Counter()
    after = 0
    while page := await bus.dead_letters.list(DeadLetterFilter(), limit=500, after=after):
        found.update(letter.reason for letter in page)
        after = page[-1].number
    return found
