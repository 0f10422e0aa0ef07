"""What has to be in the store at the end, counted from the day's rows; and what is there."""

from collections import Counter
from collections.abc import Sequence

from actorbus import ActorBus
from examples.distributed.rows import VERY_LATE_AFTER, RecordDeparture, how_it_left

Account = dict[str, int]


def expected(rows: Sequence[RecordDeparture]) -> Account:
    """Count what both services have to end with."""
    left = Counter(how_it_left(row.delay) for row in rows)
    letters = left["delayed"] + left["cancelled"]
    return {
        "departures recorded": len(rows),
        "letters about delays": left["delayed"],
        "letters about cancellations": left["cancelled"],
        "apologies": sum(row.delay is not None and row.delay > VERY_LATE_AFTER for row in rows),
        "letters confirmed": letters,
    }


_QUERIES = {
    "departures recorded": "SELECT count(*) FROM departures",
    "letters about delays": "SELECT count(*) FROM letters WHERE kind = 'delayed'",
    "letters about cancellations": "SELECT count(*) FROM letters WHERE kind = 'cancelled'",
    "apologies": "SELECT count(*) FROM letters WHERE kind = 'apology'",
    "letters confirmed": "SELECT count(*) FROM confirmed",
}


async def found(bus: ActorBus) -> Account:
    """Count what is there, of both services: they share the file."""
    async with await bus.store.snapshot("account") as view:
        return {what: (await view.fetch(sql))[0][0] for what, sql in _QUERIES.items()}
