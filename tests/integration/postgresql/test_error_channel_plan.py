"""How messages of error channels are settled, in tables that have grown since it was planned."""

import pytest

from actorbus._settlement import FORGET, DeadLetter, DeadLetterReason, Divert, SendBack
from actorbus._store import Demand
from actorbus.testing import demand, outgoing
from actorbus.testing._store_samples import CHANNEL
from tests.integration.postgresql.plans import Plans
from tests.integration.postgresql.steps import Database, Process, on_database
from tests.integration.postgresql.test_claim_plan import FILL, ROWS, TENANTS

DIVERT = Divert("errors", "on_error", DeadLetterReason.ATTEMPTS_EXHAUSTED)
ERRORS = Demand("errors", ("on_error",), "", 10)
FAILED = """
INSERT INTO actorbus_failed (copy_id, channel, endpoint, tenant, reason, attempts, failed_at)
SELECT 'copy ' || n, 'a', 'b', '', 'no', 1, 0 FROM generate_series(1, $1::integer) AS n
"""
WAYS = [
    DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True),
    SendBack(CHANNEL, 1000.0),
    FORGET,
]


async def settle_two(one: Process, way: object) -> None:
    """Let two messages fail, and settle them as their error handler says."""
    await one.append(outgoing("a"), outgoing("b"))
    await one.settle(*((message, DIVERT) for message in await one.claim(demand())))
    claimed = await one.claim(ERRORS)
    assert len(claimed) == 2
    assert (await one.settle(*((message, way) for message in claimed))).stale == set()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
def test_they_are_found_by_their_keys_however_the_tables_have_grown(postgres, way):
    """No plan that was made for empty tables reads full ones from end to end."""

    async def test(database: Database) -> None:
        one, filler = await database.process(), await database.connect()
        await filler.execute("ALTER TABLE actorbus_messages SET (autovacuum_enabled = off)")
        for _ in range(6):  # after five a plan of its own may be kept for each statement
            await settle_two(one, way)
        await filler.execute(FILL, "full", "full", TENANTS, ROWS)
        await filler.execute(FAILED, ROWS)
        plans = await Plans.of(one.connection)
        await settle_two(one, way)

        assert plans.scans <= {"Index Scan", "Index Only Scan"}
        assert max(node["Actual Rows"] * node["Actual Loops"] for node in plans.nodes) <= 10

    on_database(postgres, test)
