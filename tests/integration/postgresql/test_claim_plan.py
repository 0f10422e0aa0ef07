"""What a claim reads: the plans of its statements, as the server says them."""

import json
from typing import Any

from actorbus._store import Demand
from actorbus.testing import outgoing
from actorbus.testing._store_samples import CHANNEL, ENDPOINT
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
EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = json;
SET client_min_messages = log;
"""
ANY_TENANT = Demand(CHANNEL, (ENDPOINT,), None, CREDIT)
TWO_NAMES = Demand(CHANNEL, (ENDPOINT, "shop.handlers.old"), "tenant 7", CREDIT)


class Plans:
    """The nodes of all plans that a connection was told since."""

    def __init__(self, connection: Any) -> None:
        self.nodes: list[dict[str, Any]] = []
        connection.add_log_listener(self._hear)

    def _hear(self, _connection: object, message: Any) -> None:
        text = message.message
        if "plan:\n" in text:
            self._add(json.loads(text.split("plan:\n", 1)[1])["Plan"])

    def _add(self, node: dict[str, Any]) -> None:
        self.nodes.append(node)
        for child in node.get("Plans", ()):
            self._add(child)

    def check(self) -> None:
        """Say what no claim may do."""
        ours = [node for node in self.nodes if node.get("Relation Name", "").startswith("actorbus")]
        assert any(node.get("Index Name") == "actorbus_messages_ready" for node in ours)
        scans = {node["Node Type"] for node in ours} - {"ModifyTable"}
        assert scans <= {"Index Scan", "Index Only Scan"}
        indexes = {node["Index Name"] for node in ours if "Index Name" in node}
        assert indexes <= {
            "actorbus_messages_ready",
            "actorbus_messages_suspects",
            "actorbus_messages_pkey",
            "actorbus_processes_pkey",
            "actorbus_handled_endpoint_key_key",
        }
        touched = [node["Actual Rows"] * node["Actual Loops"] for node in self.nodes]
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
        await one.connection.execute(EXPLAIN)
        plans = Plans(one.connection)
        claimed = await one.claim(demand)
        assert len(claimed) == min(CREDIT, ROWS // TENANTS if demand.tenant else ROWS)
        plans.check()

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
