"""Rules that find a message's tenant, or the channel that it goes to: a header, a field, yours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from actorbus._errors import MessageRefused
from actorbus.options._options import is_storable

TenantRule = Callable[[Any, Mapping[str, str]], object]

LONGEST_TENANT = 200


class UnknownTenant(MessageRefused):
    """The sender's: the channel knows its tenants, or its routes, and the message's is none."""


class TooManyTenants(MessageRefused):
    """The sender's: so many tenants have messages on the channel that a new one is refused."""


class InvalidTenant(MessageRefused):
    """The sender's: the channel's rule found no tenant in the message, or not a name."""


class NoTenant(InvalidTenant):
    """The message has no such header or field; the channel's policy for unknown ones decides."""


@dataclass(frozen=True, slots=True)
class header:  # noqa: N801  reads as a function where a channel is declared
    """The tenant, or the route, is the value of this user header."""

    name: str

    def __call__(self, message: Any, headers: Mapping[str, str]) -> object:
        """Return the header's value; InvalidTenant when the message has none."""
        try:
            return headers[self.name]
        except KeyError:
            raise NoTenant(f"the message has no header {self.name!r}") from None


@dataclass(frozen=True, slots=True)
class field:  # noqa: N801  reads as a function where a channel is declared
    """The tenant, or the route, is the value of this field: an attribute, or a key."""

    name: str

    def __call__(self, message: Any, headers: Mapping[str, str]) -> object:
        """Return the field's value; InvalidTenant when the message has none."""
        try:
            if isinstance(message, Mapping):
                return message[self.name]
            return getattr(message, self.name)
        except (KeyError, AttributeError):
            kind = type(message).__name__
            raise NoTenant(f"{kind} has no field {self.name!r}") from None


def is_tenant(name: object) -> TypeGuard[str]:
    """Return whether this can name a tenant in every store."""
    most = LONGEST_TENANT * 4  # bytes in a character of UTF-8
    return is_storable(name, most) and 1 <= len(name) <= LONGEST_TENANT


def found_by(rule: TenantRule, channel: str, message: Any, headers: Mapping[str, str]) -> str:
    """Return what a channel's rule finds in a message.

    Raises NoTenant if it is not there or None, InvalidTenant if it is no name, and whatever the
    rule raises.
    """
    name = rule(message, headers)
    if name is None:
        raise NoTenant(f"channel {channel!r}: {rule} found no tenant")
    if not is_tenant(name):
        raise InvalidTenant(
            f"channel {channel!r}: {rule} found the tenant {name!r};"
            f" a tenant is a text of 1 to {LONGEST_TENANT} characters without NUL"
        )
    return name
