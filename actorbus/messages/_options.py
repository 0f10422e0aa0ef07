"""What a bus is told about its messages: conversion, limits, headers that are passed on."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from actorbus.codecs import (
    DEEPEST_LIMIT,
    STRICTNESS,
    UNKNOWN_FIELDS,
    Conversion,
    Limits,
    Strictness,
    UnknownFields,
)
from actorbus.options._options import is_whole

Propagation = Literal["all", "none"] | Collection[str]

MAX_MESSAGE_BYTES = 1_048_576
MAX_MESSAGE_DEPTH = 100


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """See `ActorBus`. `unknown_fields` None leaves it to the conversion: lax ignores them."""

    conversion: Strictness = "strict"
    unknown_fields: UnknownFields | None = None
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_message_depth: int = MAX_MESSAGE_DEPTH
    propagate_headers: Propagation = "all"

    @property
    def limits(self) -> Limits:
        """The limits of a body."""
        return Limits(self.max_message_bytes, self.max_message_depth)

    def conversion_of(
        self,
        strictness: Strictness | None,
        unknown_fields: UnknownFields | None,
        *,
        is_view: bool,
    ) -> Conversion:
        """Return how a handler's messages convert: its own wishes, else the bus's.

        A view of a routing key's data takes what it names and leaves the rest to others.
        """
        chosen = strictness or self.conversion
        fallback: UnknownFields = "ignore" if chosen == "lax" or is_view else "refuse"
        if strictness is None and self.unknown_fields is not None:
            fallback = self.unknown_fields
        return Conversion(strict=chosen == "strict", unknown_fields=unknown_fields or fallback)

    def passed_on(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return those of a handled message's headers that what its handler sends inherits."""
        if isinstance(self.propagate_headers, str):
            return headers if self.propagate_headers == "all" else {}
        return {name: headers[name] for name in self.propagate_headers if name in headers}

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        if self.conversion not in STRICTNESS:
            yield f"conversion={self.conversion!r} is not allowed: give 'strict' or 'lax'"
        if self.unknown_fields not in (None, *UNKNOWN_FIELDS):  # it may be unhashable
            given = f"unknown_fields={self.unknown_fields!r}"
            yield f"{given} is not allowed: give 'refuse' or 'ignore'"
        if not is_whole(self.max_message_bytes) or self.max_message_bytes < 1:
            yield f"max_message_bytes={self.max_message_bytes!r} is not a whole number above 0"
        depth = self.max_message_depth
        if not is_whole(depth) or not 1 <= depth <= DEEPEST_LIMIT:
            yield f"max_message_depth={depth!r} is not a whole number from 1 to {DEEPEST_LIMIT}"
        if not self._names_headers():
            yield (
                f"propagate_headers={self.propagate_headers!r} is not allowed:"
                " give 'all', 'none' or the names of headers"
            )

    def _names_headers(self) -> bool:
        wanted: object = self.propagate_headers
        if isinstance(wanted, str):
            return wanted in {"all", "none"}
        return isinstance(wanted, Collection) and all(isinstance(name, str) for name in wanted)
