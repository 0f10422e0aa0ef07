"""Copies of messages from the configuration alone, for a bus that need not run.

They are encoded, routed and fanned out as the gateways of a running bus would. What needs one is
refused: handlers that run at once, in their sender's transaction; tenants that somebody is asked
for; channels that are declared `outbox=False`. Interceptors of gateways are not called.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from actorbus._errors import BusStateError, InvalidSendOption
from actorbus._store import Outgoing
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.gateways._gateway import Letter
from actorbus.options._options import SendOptions
from actorbus.sending._placing import Places
from actorbus.sending._publish import Prepared, Press

SentKind = Literal["command", "event"]


class Composer:
    """Makes copies. The configuration is checked at the first use, once."""

    def __init__(self, check: Callable[[], Configuration]) -> None:
        self._check = check
        self._made: tuple[Press, Places] | None = None

    def copies(
        self, kind: SentKind | None, message: Any, options: SendOptions, channel: str | None
    ) -> tuple[str, list[Outgoing]]:
        """Return the message's id and a copy for each of its handlers.

        `channel` is for handlers without one of their own. Without a `kind` its handlers tell it.
        Raises MessageRefused and its kinds, BusStateError, and ConfigurationError at the first use.
        """
        press, places = self._made or self._make()
        if kind is None:
            kind = _kind_of(press, message, options)
        prepared = press.prepare(kind, message, options, None)
        copies = []
        for spec in prepared.route.handlers:
            target = _target(prepared, spec, channel)
            _refuse_asked(places, target)
            copies.append(press.copy(prepared, spec, target))
            _refuse_produced(places, copies[-1])
        return prepared.envelope.message_id, copies

    def all_copies(
        self,
        kind: SentKind | None,
        messages: Iterable[Any],
        options: SendOptions,
        channel: str | None,
    ) -> list[Outgoing]:
        """Return the copies of many messages, in order; an item may be a `Letter`."""
        found: list[Outgoing] = []
        for item in messages:
            message, own = (item.message, item.options) if isinstance(item, Letter) else (item, {})
            found += self.copies(kind, message, {**options, **own}, channel)[1]
        return found

    def _make(self) -> tuple[Press, Places]:
        configuration = self._check()
        places = Places(configuration.channels, configuration.routings)
        self._made = Press(configuration, time.time, places), places
        return self._made


def _kind_of(press: Press, message: Any, options: SendOptions) -> SentKind:
    kind: Kind = press.routes.any_kind(message, options.get("routing_key")).kind
    if kind in {"command", "event"}:
        return kind
    raise InvalidSendOption(f"{type(message).__qualname__} is a {kind}: that is asked, not sent")


def _target(prepared: Prepared, spec: HandlerSpec, channel: str | None) -> str:
    target = channel or spec.channel
    if target is None:
        raise InvalidSendOption(
            f"{spec.endpoint_id} handles {prepared.route.type_name!r} at once, in a transaction of"
            " the bus's: give it channel=, give bus.outbox channel=, or send through the bus"
        )
    return target


def _refuse_produced(places: Places, copy: Outgoing) -> None:
    if copy.channel in places.outboxes.after_commit:
        raise InvalidSendOption(
            f"channel {copy.channel!r} has outbox=False: what is sent on it is not stored"
        )


def _refuse_asked(places: Places, channel: str) -> None:
    directory = places.directories.get(channel)
    if directory is not None and directory.is_asked:
        raise BusStateError(
            f"channel {channel!r} asks its tenants= function who its tenants are, which only"
            " a running bus does: send through that, or list them"
        )
