"""Fair shares between the tenants of a dynamic channel. Pure, without a clock.

Rules:
 1. Grants go round: they begin behind the tenant that was granted last.
 2. While another tenant waits, none holds more unstarted messages than its `concurrency`.
 3. A tenant that waits alone may hold several times its share, so that it runs at full speed, and
    twice as many each time that nobody else waits, up to the channel's `most`: giving back what it
    holds costs something, so it is not to hold much while others come and go. If it is the only
    one there is, it may hold `most` at once.
 4. All tenants together hold at most `most` unstarted messages; beyond it, a tenant that holds
    none may have one for each of the `spare` workers that would otherwise have nothing to do.
 5. A worker that becomes free goes to the tenant that has asked for one the longest; a tenant
    that gives one back and wants it again goes to the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ALONE_FOR_NOW = 4
"""How many times its share a tenant may hold while none of the others waits."""


def grants(
    waiting: Sequence[str],
    unstarted: Mapping[str, int],
    *,
    concurrency: int,
    most: int,
    spare: int = 0,
    alone: int = 0,
) -> dict[str, int]:
    """Return how many messages each tenant in `waiting` may claim, in that order.

    `waiting` begins behind the cursor. `unstarted` are the claimed messages that have not begun,
    per tenant, those of tenants that do not wait included. `alone` is how many one may hold for
    which no other waits, and which has been so for a while.
    """
    left = most - sum(unstarted.values())
    share = concurrency
    if len(_involved(waiting, unstarted)) <= 1:
        share = max(alone, concurrency * ALONE_FOR_NOW)
    granted: dict[str, int] = {}
    for tenant in waiting:
        held = unstarted.get(tenant, 0)
        credit = min(share - held, left)
        if credit <= 0 and not held and spare > 0:
            credit = 1
            spare -= 1
        if credit > 0:
            granted[tenant] = credit
            left -= credit
    return granted


def excess(
    tenants: Iterable[str], unstarted: Mapping[str, int], concurrency: int
) -> dict[str, int]:
    """Return how many unstarted messages each tenant gives back, now that several wait."""
    over = ((tenant, unstarted.get(tenant, 0) - concurrency) for tenant in tenants)
    return {tenant: count for tenant, count in over if count > 0}


def _involved(waiting: Iterable[str], unstarted: Mapping[str, int]) -> set[str]:
    return {tenant for tenant, count in unstarted.items() if count}.union(waiting)


@dataclass(slots=True)
class Alone:
    """How many messages a tenant may hold that waits alone: more each time, up to a bound."""

    tenant: str = ""
    share: int = 0

    def look(
        self,
        waiting: Iterable[str],
        unstarted: Mapping[str, int],
        *,
        concurrency: int,
        most: int,
        only_one: bool,
    ) -> int:
        """Return the share for this round of claims; `only_one`: no other has a channel."""
        involved = _involved(waiting, unstarted)
        if not involved:
            return 0
        if len(involved) > 1:
            self.tenant = ""
            return 0
        (tenant,) = involved
        known = tenant == self.tenant
        grown = 2 * self.share if known else concurrency * ALONE_FOR_NOW
        self.tenant, self.share = tenant, most if only_one else min(most, grown)
        return self.share


@dataclass(slots=True)
class WorkerShares:
    """The workers that the tenants share: who has how many, and who waits for one."""

    workers: int
    busy: int = 0
    queue: dict[str, None] = field(default_factory=dict)

    def take(self, tenant: str) -> bool:
        """Give the tenant a worker, or queue it and return False."""
        if self.busy < self.workers and (not self.queue or next(iter(self.queue)) == tenant):
            self.queue.pop(tenant, None)
            self.busy += 1
            return True
        self.queue.setdefault(tenant)
        return False

    def give_back(self) -> None:
        """Take a worker back."""
        if self.busy <= 0:
            raise ValueError("no worker is out")
        self.busy -= 1

    def following(self) -> str | None:
        """Return the tenant that should `take` a worker now: the first in the queue."""
        return next(iter(self.queue), None) if self.busy < self.workers else None

    def withdraw(self, tenant: str) -> str | None:
        """Forget that a tenant waits; return who should `take` a worker now."""
        self.queue.pop(tenant, None)
        return self.following()
