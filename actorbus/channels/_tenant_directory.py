"""Which tenants a dynamic channel knows, and how many have messages on it. Without I/O.

Rules:
 1. What a rule finds is looked up: in a mapping it stands for a tenant, else it is one.
 2. Who is not known follows the channel's policy.
 3. A tenant that is new to this process needs a place among `max_tenants`. When all are taken, it
    is refused until it was found in the store that others have no messages any more.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actorbus.declaring._channel import DynamicChannel
from actorbus.declaring._tenant_rules import LONGEST_TENANT, is_tenant


class InvalidTenants(ValueError):
    """What a `tenants=` function returned is no collection of names."""


class TenantDirectory:
    """What one run of the bus knows of a channel's tenants.

    `by_value` leads from what the rule finds to a tenant's name; None: every value is a name.
    `everyone` says that values which it does not hold are names of tenants too.
    """

    def __init__(self, channel: DynamicChannel) -> None:
        self.channel = channel
        self.is_asked = callable(channel.tenants)
        self.everyone = channel.unknown == "create"
        self.by_value: Mapping[str, str] | None = None
        self.names: frozenset[str] = frozenset()
        self.on_miss: Callable[[], None] = _nobody
        self._with_messages: set[str] = set()
        if channel.tenants is not None:
            self.take(() if self.is_asked else channel.tenants)

    def take(self, answer: Any) -> bool:
        """Take over who is known; return whether that is news. Raises InvalidTenants."""
        by_value = _checked(self.channel.name, answer)
        news = by_value != self.by_value
        self.by_value, self.names = by_value, frozenset(by_value.values())
        return news

    def find(self, value: str) -> str | None:
        """Return the tenant that a value stands for, None if it is unknown."""
        found = None if self.by_value is None else self.by_value.get(value)
        if found is None:
            if self.everyone:
                return value
            self.on_miss()
        return found

    def knows(self, tenant: str) -> bool:
        """Whether a tenant of this name may have a channel."""
        return self.everyone or tenant in self.names

    def known_as(self, value: str) -> str | None:
        """Return the tenant that a value stands for, or None; nobody is told."""
        if self.everyone:
            return value
        return None if self.by_value is None else self.by_value.get(value)

    # -- how many there are -----------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether all places are taken, as far as this process knows."""
        return len(self._with_messages) >= self.channel.max_tenants

    def has_place(self, tenant: str) -> bool:
        """Whether a tenant may have messages; if so it is counted from now on."""
        if tenant in self._with_messages or (not self.everyone and tenant in self.names):
            return True
        if self.is_full:
            self.on_miss()
            return False
        self._with_messages.add(tenant)
        return True

    def count_anew(self, with_messages: Iterable[str]) -> None:
        """Replace those that were seen by those that have messages in the store."""
        self._with_messages = set(with_messages)


def _checked(channel: str, answer: Any) -> Mapping[str, str]:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise InvalidTenants(
            f"channel {channel!r}: tenants= gave {answer!r}; give names, or a mapping to names"
        )
    by_value = dict(answer) if isinstance(answer, Mapping) else {name: name for name in answer}
    for name in (*by_value, *by_value.values()):
        if not is_tenant(name):
            raise InvalidTenants(
                f"channel {channel!r}: tenants= gave {name!r};"
                f" a tenant is a text of 1 to {LONGEST_TENANT} characters without NUL"
            )
    return by_value


def _nobody() -> None:
    """Tell nobody: the channel's router is not up."""
