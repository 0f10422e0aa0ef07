"""What a claim reads: the plans of its statements, as the server says them."""

from actorbus._store import Demand
from actorbus.testing import outgoing
from actorbus.testing._store_samples import CHANNEL, ENDPOINT
from tests.integration.postgresql.plans import Plans
from tests.integration.postgresql.steps import Database, on_database

ROWS, TENANTS, CREDIT = 20_000, 1_000, 50
FILL = """
INSERT INTO actorbus_messages (
    state, epoch, attempts, suspect, replays, priority, due_at, enqueued_at, copy_id, channel,
    endpoint, tenant, message_id, type_name, content_type, correlation_id, timestamp, headers, body
)
SELECT 'ready', 0, 0, FALSE, 0, n % 3, n, n, 'copy ' || n, $1, $2, 'tenant ' || n % $3::integer,
    'm' || n, 'shop.OrderPlaced', 'application/msgpack', 'm' || n, n, '{}', 'body'
FROM generate_series(1, $4::integer) AS n
"""
ANY_TENANT = Demand(CHANNEL, (ENDPOINT,), None, CREDIT)
TWO_NAMES = Demand(CHANNEL, (ENDPOINT, "shop.handlers.old"), "tenant 7", CREDIT)


def check(plans: Plans) -> None:
    """Say what no claim may do."""
    ours = plans.of_ours
    assert any(node.get("Index Name") == "actorbus_messages_ready" for node in ours)
    assert plans.scans <= {"Index Scan", "Index Only Scan"}
    indexes = {node["Index Name"] for node in ours if "Index Name" in node}
    assert indexes <= {
        "actorbus_messages_ready",
        "actorbus_messages_suspects",
        "actorbus_messages_pkey",
        "actorbus_processes_pkey",
        "actorbus_handled_endpoint_key_key",
    }
    touched = [node["Actual Rows"] * node["Actual Loops"] for node in plans.nodes]
    assert max(touched) <= CREDIT * 2


def claims_read_the_index(url: str, demand: Demand, *, planned_before: bool) -> None:
    """Claim from a table that was filled just now, by one plan from before or a new one."""

    async def test(database: Database) -> None:
        one, filler = await database.process(), await database.connect()
        await filler.execute("ALTER TABLE actorbus_messages SET (autovacuum_enabled = off)")
        if planned_before:
            await one.append(outgoing("a"), outgoing("b", tenant=demand.tenant or ""))
            assert await one.claim(demand) != []
            assert await one.claim(demand) == []
        await filler.execute(FILL, CHANNEL, ENDPOINT, TENANTS, ROWS)
        plans = await Plans.of(one.connection)
        claimed = await one.claim(demand)
        assert len(claimed) == min(CREDIT, ROWS // TENANTS if demand.tenant else ROWS)
        check(plans)

    on_database(url, test)


def test_a_claim_reads_its_index_whatever_the_table_was_when_it_was_planned(postgres):
    """A plan that was made when the table was empty is a plan for a full one too."""
    claims_read_the_index(postgres, ANY_TENANT, planned_before=True)


def test_a_claim_reads_its_index_before_anything_was_analysed(postgres):
    """Right after many messages were sent at once."""
    claims_read_the_index(postgres, ANY_TENANT, planned_before=False)


def test_a_claim_for_an_endpoint_with_two_names_reads_no_more(postgres):
    """It looks at as many of each as it wants, and takes the first of them."""
    claims_read_the_index(postgres, TWO_NAMES, planned_before=False)
