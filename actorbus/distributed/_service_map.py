"""Service maps: through which channel each service is reached, and which events it wants."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import lru_cache
from typing import Any, Final

from actorbus._errors import MessageRefused
from actorbus.messages._topic import Topic, pattern_fault
from actorbus.messages._types import did_you_mean

DEFAULT_MAP: Final = "default"

_MOST_KEYS: Final = 1_000
"""How many routing keys are remembered with the services that subscribe to them."""


class UnknownService(MessageRefused):
    """The sender's: its service map has no service of that name. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """Where other services are: `ServiceMap({"orders": "orders-inbox"})`, service to channel.

    `subscriptions` are keys of the events that each service is sent: `{"orders": ["flights.*",
    "billing.#"]}`; "*" stands for one word, "#" for any number of them. However many of its keys
    an event's matches, a service gets one copy. A service without keys is sent no events.

    A bus may have several maps, each with a `name` and a `DistributedBus` class of its own.
    """

    services: Mapping[str, str] | Iterable[tuple[str, str]]
    _: KW_ONLY
    subscriptions: Mapping[str, Collection[str]] = field(default_factory=dict)
    name: str = DEFAULT_MAP

    def __post_init__(self) -> None:
        """Keep pairs, also of what can be looked at once only."""
        given: Any = self.services
        if isinstance(given, Mapping):
            object.__setattr__(self, "services", tuple(given.items()))
        elif isinstance(given, Iterable) and not isinstance(given, str):
            object.__setattr__(self, "services", tuple(given))

    @property
    def pairs(self) -> Sequence[tuple[str, str]]:
        """Services with their channels, in declared order; those that are none are left out."""
        given: Any = self.services
        return [pair for pair in given if _is_pair(pair)] if isinstance(given, tuple) else []

    def keys_of(self, service: str) -> Sequence[str]:
        """Return the subscription keys of a service."""
        return tuple(self.subscriptions.get(service, ()))

    def problems(self) -> Iterator[str]:
        """Say what is wrong with the map itself, a sentence each."""
        if not is_service_name(self.name):
            yield f"name={self.name!r} is not allowed: give {_NAME}"
        yield from self._service_problems()
        if not isinstance(self.subscriptions, Mapping):
            yield f"subscriptions={self.subscriptions!r} is no mapping of services to lists of keys"
            return
        known = [service for service, _ in self.pairs]
        for service, keys in self.subscriptions.items():
            if service not in known:
                hint = did_you_mean(str(service), known)
                yield f"subscriptions of {service!r}, which is no service of this map{hint}"
            yield from _key_problems(service, keys)

    def _service_problems(self) -> Iterator[str]:
        given: Any = self.services
        if not isinstance(given, tuple) or not all(map(_is_pair, given)):
            yield f"services={given!r} is no mapping of services to the names of channels"
        first: dict[str, str] = {}
        channels: dict[str, str] = {}
        for service, channel in self.pairs:
            if not is_service_name(service):
                yield f"the service name {service!r} is not allowed: give {_NAME}"
            if service in first:
                yield f"the service {service!r} is here twice: {first[service]!r} and {channel!r}"
            first.setdefault(service, channel)
            other = channels.setdefault(channel, service)
            if other != service:
                yield (
                    f"channel {channel!r} is that of {other!r} and of {service!r}:"
                    " each service has a channel of its own"
                )


class Destinations:
    """A checked map, ready to be asked."""

    def __init__(self, service_map: ServiceMap) -> None:
        self.name = service_map.name
        self._channels = dict(service_map.pairs)
        self._topics = {
            service: [Topic(key) for key in service_map.keys_of(service)]
            for service in self._channels
        }
        self.subscribers: Callable[[str], tuple[str, ...]] = lru_cache(_MOST_KEYS)(self._find)
        """Returns the services that are sent events of a routing key, in declared order."""

    def channel_of(self, service: str) -> str:
        """Return the channel that a service is reached through. Raises UnknownService."""
        try:
            return self._channels[service]
        except (KeyError, TypeError):
            hint = did_you_mean(str(service), self._channels)
            raise UnknownService(
                f"no service {service!r} in the service map {self.name!r}{hint}"
            ) from None

    def _find(self, key: str) -> tuple[str, ...]:
        return tuple(
            service
            for service, topics in self._topics.items()
            if any(topic.matches(key) for topic in topics)
        )


_NAME = "a printable text without '/', ':' and outer spaces"


def is_service_name(name: object) -> bool:
    """Return whether this can be the name of a service, or of a map."""
    return (
        isinstance(name, str)
        and bool(name)
        and name.isprintable()
        and name == name.strip()
        and {"/", ":"}.isdisjoint(name)
    )


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) == 2  # noqa: PLR2004  both halves of a pair
        and all(isinstance(text, str) for text in pair)
    )


def _key_problems(service: str, keys: object) -> Iterator[str]:
    if isinstance(keys, str) or not isinstance(keys, Collection):
        yield f"subscriptions of {service!r}: {keys!r} is no list of keys; give [{keys!r}]"
        return
    for key in keys:
        fault = pattern_fault(key) if isinstance(key, str) else f"{key!r} is not a text"
        if fault is not None:
            yield f"subscriptions of {service!r}: {fault}"
