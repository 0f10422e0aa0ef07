"""Which tenants have a channel, and which of them has been idle long enough to end. Pure.

Rules:
 1. A tenant is idle from its last activity on, while it holds nothing.
 2. A tenant whose endpoint is sick is kept: ending it would forget its backoff.
 3. A new tenant needs a place; when all are taken it waits until an idle one has ended.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class TenantPlaces:
    """The tenants that have a channel now, with the time of their last activity, oldest first."""

    most: int
    idle_timeout: float
    active_at: dict[str, float] = field(default_factory=dict)

    def touch(self, tenant: str, now: float) -> None:
        """Note activity: the tenant goes to the young end."""
        self.active_at.pop(tenant, None)
        self.active_at[tenant] = now

    def has_room(self) -> bool:
        """Whether another tenant may have a channel."""
        return len(self.active_at) < self.most

    def idle(self, now: float) -> list[str]:
        """Return the tenants without activity for the idle time, the longest idle first."""
        found = []
        for tenant, at in self.active_at.items():
            if now - at < self.idle_timeout:
                break
            found.append(tenant)
        return found

    def remove(self, tenant: str) -> None:
        """Forget a tenant whose channel has ended."""
        self.active_at.pop(tenant, None)
