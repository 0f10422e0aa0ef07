"""Claim ready messages: the first ones of a queue, suspects one at a time."""

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import Any, Final

from msgspec.structs import replace

from actorbus._store import Claimed, Demand
from actorbus.stores.sqlite._leases import Lease
from actorbus.stores.sqlite._once import once
from actorbus.stores.sqlite._queries import QUERIES
from actorbus.stores.sqlite._tenants import waiting_tenants

_FIRST_READY: Final = QUERIES["first_ready"]
_CLAIM_RUN: Final = QUERIES["claim_run"]
_CANDIDATES: Final = QUERIES["candidates"]
_CLAIM_ONE: Final = QUERIES["claim_one"]
_SUSPECT: Final = QUERIES["suspect_candidate"]
_HOLDS_SUSPECT: Final = QUERIES["holds_suspect"]
_CLAIM_SUSPECT: Final = QUERIES["claim_suspect"]

MOST_LOOKS: Final = 10
"""How often a claim looks for others in the place of what it puts off, so that it stays short."""

_Candidate = tuple[int, float, int]  # minus priority, due time, sequence: the order of turns


class Claims:
    """Claims in the name of one process; knows which tenant of a channel was served last."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._owner = lease.process.process_id
        self._largest = lease.process.largest_body
        self._last_tenant: dict[str, str] = {}
        self._suspects_allowed: bool | None = None  # of this claim: None until it has met one

    def claim(self, cursor: sqlite3.Cursor, demands: Sequence[Demand], now: float) -> list[Claimed]:
        """Claim for each demand in turn; nothing if the process has lost its lease."""
        if not self._lease.is_held(cursor):
            return []
        self._suspects_allowed = None
        return [one for demand in demands for one in self._claim_for(cursor, demand, now)]

    def _claim_for(self, cursor: sqlite3.Cursor, demand: Demand, now: float) -> list[Claimed]:
        if demand.tenant is None:
            return self._claim_of_all(cursor, demand, now)
        return self._claim_of_one(cursor, demand, now)

    def _claim_of_one(self, cursor: sqlite3.Cursor, demand: Demand, now: float) -> list[Claimed]:
        """Claim one tenant's; what is put off takes no place of those that can be started."""
        found = self._claim_suspect(cursor, demand)
        found += self._claim_ready(cursor, demand, demand.credit - len(found))
        claimed = once(cursor, demand, found, now)
        put_off, looks = len(found) - len(claimed), 1
        while put_off and looks < MOST_LOOKS:
            found = self._claim_ready(cursor, demand, put_off)
            started = once(cursor, demand, found, now)
            claimed += started
            put_off, looks = len(found) - len(started), looks + 1
        return claimed

    # -- messages as usual ------------------------------------------------------------------

    def _claim_ready(self, cursor: sqlite3.Cursor, demand: Demand, credit: int) -> list[Claimed]:
        if credit <= 0:
            return []
        if len(demand.endpoint_ids) == 1:
            queue = (demand.channel, demand.tenant, demand.endpoint_ids[0])
            return self._claim_queue(cursor, queue, credit)
        first = nsmallest(credit, self._candidates(cursor, _CANDIDATES, demand, credit))
        found = []
        for _, _, sequence in first:
            found += self._rows(cursor, _CLAIM_ONE, self._owner, sequence, self._largest)
        return found

    def _claim_queue(
        self, cursor: sqlite3.Cursor, queue: tuple[str, str | None, str], credit: int
    ) -> list[Claimed]:
        """Claim the first messages of a queue: two statements, where most are neighbours.

        Reading them and then changing whole runs of them costs 5.6 us a message, and one UPDATE
        that returns them 9.5 us.
        """
        found = self._rows(cursor, _FIRST_READY, self._largest, *queue, credit)
        runs = consecutive(sorted(claimed.sequence for claimed in found))
        cursor.executemany(_CLAIM_RUN, [(self._owner, *run) for run in runs])
        return found

    def _candidates(
        self, cursor: sqlite3.Cursor, query: str, demand: Demand, *limit: int
    ) -> Iterator[_Candidate]:
        for endpoint in demand.endpoint_ids:
            rows = cursor.execute(query, (demand.channel, demand.tenant, endpoint, *limit))
            for sequence, priority, due_at in rows.fetchall():
                yield -priority, due_at, sequence

    # -- suspects ---------------------------------------------------------------------------

    def _claim_suspect(self, cursor: sqlite3.Cursor, demand: Demand) -> list[Claimed]:
        if self._suspects_allowed is False:
            return []
        suspect = self._first_suspect(cursor, demand)
        if suspect is None:
            return []
        allowed = self._suspects_allowed is None and not self._holds_suspect(cursor)
        self._suspects_allowed = False
        if not allowed:
            return []
        return self._rows(cursor, _CLAIM_SUSPECT, self._owner, suspect, self._largest)

    def _first_suspect(self, cursor: sqlite3.Cursor, demand: Demand) -> int | None:
        if demand.credit <= 0:
            return None
        first = min(self._candidates(cursor, _SUSPECT, demand), default=None)
        return None if first is None else first[2]

    def _holds_suspect(self, cursor: sqlite3.Cursor) -> bool:
        (held,) = cursor.execute(_HOLDS_SUSPECT, (self._owner,)).fetchone()
        return bool(held)

    # -- tenants ----------------------------------------------------------------------------

    def _claim_of_all(self, cursor: sqlite3.Cursor, demand: Demand, now: float) -> list[Claimed]:
        """Deal the credit out over the tenants that wait, after the one that was served last.

        What some leave of their shares is dealt out again: who gets less than was asked for may
        take it that nothing more is ready.
        """
        claimed: list[Claimed] = []
        while (left := demand.credit - len(claimed)) > 0:
            after = self._last_tenant.get(demand.channel)
            tenants = waiting_tenants(cursor, demand.channel, after, left)
            before = len(claimed)
            for number, tenant in enumerate(tenants):
                share = -(-(left - number) // len(tenants))
                shared = demand._replace(tenant=tenant, credit=share)
                claimed += self._claim_of_one(cursor, shared, now)
            if tenants:
                self._last_tenant[demand.channel] = tenants[-1]
            if len(tenants) <= 1 or len(claimed) == before:
                break
        return claimed

    @staticmethod
    def _rows(cursor: sqlite3.Cursor, query: str, *parameters: Any) -> list[Claimed]:
        return [claimed_of(row) for row in cursor.execute(query, parameters).fetchall()]


def claimed_of(row: tuple[Any, ...]) -> Claimed:
    """Return a row of `first_ready` as a message."""
    sequence, epoch, attempts, suspect, ordering_key, for_endpoint, *rest = row
    unread = 0
    if isinstance(rest[-1], int):  # the length of a body that is too large
        unread, rest[-1] = rest[-1], b""
    claimed = Claimed(sequence, epoch, attempts, bool(suspect), *rest)
    if ordering_key is not None:
        claimed = replace(claimed, ordering_key=ordering_key)
    if for_endpoint is not None:
        claimed = replace(claimed, for_endpoint=for_endpoint)
    return replace(claimed, unread_bytes=unread) if unread else claimed


def consecutive(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers; they come sorted."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
