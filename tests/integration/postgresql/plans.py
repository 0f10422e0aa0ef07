"""The plans of the statements that a connection runs, also inside of functions."""

import json
from typing import Any

_EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_buffers = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = json;
SET client_min_messages = log;
"""


class Plans:
    """The nodes of all plans that a connection was told since."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.buffers = 0
        """Pages that were looked at."""

    @classmethod
    async def of(cls, connection: Any) -> "Plans":
        """Hear the plans of a connection from now on."""
        await connection.execute(_EXPLAIN)
        plans = cls()
        connection.add_log_listener(plans._hear)
        return plans

    @property
    def of_ours(self) -> list[dict[str, Any]]:
        """The nodes that look at our tables."""
        return [node for node in self.nodes if node.get("Relation Name", "").startswith("actorbus")]

    @property
    def scans(self) -> set[str]:
        """How our tables are read."""
        return {node["Node Type"] for node in self.of_ours} - {"ModifyTable"}

    def _hear(self, _connection: object, message: Any) -> None:
        text = message.message
        if "plan:\n" in text:
            plan = json.loads(text.split("plan:\n", 1)[1])["Plan"]
            self.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            self._add(plan)

    def _add(self, node: dict[str, Any]) -> None:
        self.nodes.append(node)
        for child in node.get("Plans", ()):
            self._add(child)
