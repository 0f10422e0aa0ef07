"""Claim ready messages: the first ones of a queue, suspects one at a time.

A claim is one statement: it holds the lease against those who would take it back, and passes over
what others are claiming. It is committed by another one, once its answer is here: what was claimed
by a statement whose answer is lost would be this process's, which knows nothing of it.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from actorbus._store import Claimed, Demand, ProcessInfo
from actorbus.stores.postgresql._connection import Connection, Row
from actorbus.stores.postgresql._places import Place, Places, Queue, queue_of
from actorbus.stores.postgresql._queries import QUERIES

_CLAIM: Final = QUERIES["claim"]
_DEMAND: Final = 1_000_000  # the turns of a demand begin with its number times this


class Claims:
    """Claims in the name of one process; knows which tenant of a queue was served last.

    `clock` tells what passes here, in seconds, from any start.
    """

    def __init__(self, process: ProcessInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._owner = process.process_id
        self._largest = process.largest_body
        self._last_tenant: dict[Queue, str | None] = {}
        self.places = Places(clock)

    async def claim(self, connection: Connection, demands: Sequence[Demand]) -> list[Claimed]:
        """Claim for each demand in turn; nothing if the process has lost its lease."""
        asked = [self._asked(number, demand) for number, demand in enumerate(demands)]
        text = msgspec.json.encode(asked).decode()
        rows = await connection.fetch(_CLAIM, self._owner, self._largest, text)
        found = [row for row in rows if row["sequence"] is not None]
        found.sort(key=_place)
        claimed = [claimed_of(*row) for row in found]
        if len(rows) > len(found) or self.places.any_slow:
            numbers = [row["turn"] // _DEMAND for row in found]
            remarks = {row["turn"] // _DEMAND: row for row in rows if row["sequence"] is None}
            for number, demand in enumerate(demands):
                mine = [one for n, one in zip(numbers, claimed, strict=True) if n == number]
                self._note(demand, asked[number], mine, remarks.get(number))
        return claimed

    def _asked(self, number: int, demand: Demand) -> dict[str, Any]:
        asked = {
            "number": number,
            "channel": demand.channel,
            "endpoints": demand.endpoint_ids,
            "tenant": demand.tenant,
            "credit": demand.credit,
        }
        if demand.tenant is None:
            asked["after"] = self._last_tenant.get(queue_of(demand))
        if self.places.any_slow:
            asked.update(self.places.of(demand))
        return asked

    def _note(
        self, demand: Demand, asked: dict[str, Any], claimed: list[Claimed], remark: Row | None
    ) -> None:
        """Note what the statement says of a demand, and where it found its messages."""
        if "rank" in asked:
            self.places.found_behind(demand, claimed)
        elif remark is None:
            self.places.found_quickly(demand)
        else:
            queue, tenant = queue_of(demand), remark["tenant"]
            self._last_tenant[queue] = tenant
            seconds, looked_at = remark["due_at"], remark["epoch"]
            if seconds is None or looked_at > 1:
                self.places.found_quickly(demand)
            else:
                nothing_before = Place(tenant or "", 0, remark["enqueued_at"], 0)
                self.places.found_slowly(demand, claimed, seconds, nothing_before)


def _place(row: Row) -> tuple[int, bool, int, float, int]:
    """Return what the order of claimed messages goes by: in a tenant's turn a suspect is first."""
    return row["turn"], not row["suspect"], -row["priority"], row["due_at"], row["sequence"]


def claimed_of(_turn: int, *values: Any) -> Claimed:
    """Return a row of `claim` as a message."""
    return Claimed(*values)
