"""Channels that hold no messages of their own: each message goes on to a declared one at once."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass

from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._tenant_rules import TenantRule

ROUTE_POLICIES = ("error", "park")


@dataclass(frozen=True, slots=True)
class RoutedChannel:
    """A channel that sends each message on to another: by a header, a field or a function.

    `route` finds a value in the message: `header("region")`, `field("region")` or a function of
    (message, headers). `to` says which declared channel that stands for: a mapping from values to
    channels, or a collection of channels, whose names are the values. It is asked when the message
    is sent. `unknown` says what becomes of a message with a value that leads nowhere, or none:

    - "error": the sender gets `UnknownTenant` (the default)
    - "park": it is stored under this channel's name and held back until its value leads somewhere
    - the name of a channel: it goes there

    Handlers that name this channel take messages from all that it leads to, under their options.
    """

    name: str
    _: KW_ONLY
    route: TenantRule
    to: Mapping[str, str] | Collection[str]
    unknown: str = "error"

    def __post_init__(self) -> None:
        """Keep a mapping; what is none is left for `problems` to refuse."""
        if isinstance(self.to, Mapping):
            object.__setattr__(self, "to", dict(self.to))
        elif not isinstance(self.to, str) and _is_iterable(self.to):
            object.__setattr__(self, "to", {name: name for name in self.to})

    @property
    def targets(self) -> Mapping[str, str]:
        """The channel that each value stands for."""
        return self.to if isinstance(self.to, Mapping) else {}

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that messages go on to, each once."""
        fallback = () if self.unknown in ROUTE_POLICIES else (self.unknown,)
        return tuple(dict.fromkeys((*self.targets.values(), *fallback)))

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        if not callable(self.route):
            yield f"route={self.route!r} is not a rule; use header(...), field(...) or a function"
        if not self.targets:
            yield f"to={self.to!r} is not allowed: give {{value: channel}}, or a list of channels"


@dataclass(frozen=True, slots=True)
class RoundRobinChannel:
    """A channel that deals its messages out over several declared ones, in turn.

    Each copy of a message goes to the next of `channels`; every process counts for itself.
    Handlers that name this channel take messages from all of them, under their options.
    """

    name: str
    channels: Collection[str]

    def __post_init__(self) -> None:
        """Keep a tuple; one text is left for `problems` to refuse."""
        if not _is_iterable(self.channels):
            raise TypeError(f"channels={self.channels!r} is not allowed: give a list of channels")
        if not isinstance(self.channels, str):
            object.__setattr__(self, "channels", tuple(self.channels))

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        if isinstance(self.channels, str) or not self.channels:
            yield f"channels={self.channels!r} is not allowed: give a list of channels"
        elif len(set(self.channels)) < len(self.channels):
            yield f"channels={list(self.channels)!r} names a channel twice"


Routing = RoutedChannel | RoundRobinChannel | CombinedChannel


def _is_iterable(value: object) -> bool:
    return isinstance(value, Iterable)
