"""Claim ready messages: the first ones of a queue, suspects one at a time.

A claim is one statement, which needs no transaction around it: it holds the lease against those who
would take it back, and passes over what others are claiming.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from actorbus._store import Claimed, Demand, ProcessInfo
from actorbus.stores.postgresql._connection import Connection, Row
from actorbus.stores.postgresql._queries import QUERIES

_CLAIM: Final = QUERIES["claim"]


class Claims:
    """Claims in the name of one process; knows which tenant of a queue was served last."""

    def __init__(self, process: ProcessInfo) -> None:
        self._owner = process.process_id
        self._largest = process.largest_body
        self._last_tenant: dict[tuple[str, tuple[str, ...]], str] = {}

    async def claim(self, connection: Connection, demands: Sequence[Demand]) -> list[Claimed]:
        """Claim for each demand in turn; nothing if the process has lost its lease."""
        asked = [self._asked(number, demand) for number, demand in enumerate(demands)]
        text = msgspec.json.encode(asked).decode()
        rows = await connection.fetch(_CLAIM, self._owner, self._largest, text)
        found = []
        for row in rows:
            if row["sequence"] is None:
                self._last_tenant[_queue(demands[row["turn"]])] = row["tenant"]
            else:
                found.append(row)
        found.sort(key=_place)
        return [claimed_of(*row) for row in found]

    def _asked(self, number: int, demand: Demand) -> dict[str, Any]:
        asked = {
            "number": number,
            "channel": demand.channel,
            "endpoints": demand.endpoint_ids,
            "tenant": demand.tenant,
            "credit": demand.credit,
        }
        if demand.tenant is None:
            asked["after"] = self._last_tenant.get(_queue(demand))
        return asked


def _queue(demand: Demand) -> tuple[str, tuple[str, ...]]:
    return demand.channel, demand.endpoint_ids


def _place(row: Row) -> tuple[int, bool, int, float, int]:
    """Return what the order of claimed messages goes by: in a tenant's turn a suspect is first."""
    return row["turn"], not row["suspect"], -row["priority"], row["due_at"], row["sequence"]


def claimed_of(_turn: int, *values: Any) -> Claimed:
    """Return a row of `claim` as a message."""
    return Claimed(*values)
