"""Carry out what the gateway to other services is asked: one copy for each service, stored.

What is wrong is the sender's to know, before anything leaves: MessageRefused and its kinds. What
only the other service can tell, whether it knows the key and can read the body, it tells itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from actorbus._calls import Answer, Worlds
from actorbus._errors import InvalidHeader, InvalidMessage, InvalidSendOption
from actorbus._store import Outgoing
from actorbus.channels._capabilities import lacking, refuse_lacking
from actorbus.codecs import NotConvertible, known_content_types, parsed, with_version
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.distributed._checks import reserved
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._gateway import Address, DistributedBus, DistributedOptions
from actorbus.distributed._service_map import Destinations
from actorbus.distributed._wire import REACH, SOURCE, inbox_endpoint, relay_endpoint
from actorbus.gateways._way import Receipt
from actorbus.interceptors._chain import Chains
from actorbus.interceptors._passage import Sending
from actorbus.messages._message import MSGPACK, Envelope, headers_to_text, new_id
from actorbus.messages._topic import is_pattern
from actorbus.messages._types import checked_name, did_you_mean
from actorbus.options._options import SendOptions, as_seconds, is_text
from actorbus.options._precedence import first
from actorbus.options._timing import Timing, due_by, timing
from actorbus.sending._leaving import Leaving
from actorbus.sending._publish import Press
from actorbus.transactions._unit_of_work import UnitOfWork, current_unit_of_work

_OPTIONS = frozenset(DistributedOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class _Route:
    """What interceptors are told of a message that other services handle."""

    type_name: str
    handlers: tuple[HandlerSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a channel says about the messages on it, worked out when the bus starts."""

    channel: Channel
    lacking: frozenset[str]
    timing: Timing


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A message that may leave: checked, stamped, not yet copied to the services."""

    message: Any
    envelope: Envelope
    headers_text: str
    timing: Timing
    deduplication_key: str | None


class Sends:
    """The other side of `DistributedBus`, for one run of the bus."""

    def __init__(
        self,
        configuration: Configuration,
        press: Press,
        leaving: Leaving,
        worlds: Worlds,
        counts: DistributedCounts,
    ) -> None:
        self._service = configuration.distribution.service
        self._destinations = {
            name: Destinations(one) for name, one in configuration.distribution.maps.items()
        }
        self._configuration = configuration
        self._terms = {channel.name: _terms_of(channel) for channel in configuration.channels}
        self._press = press
        self._now = leaving.store.now
        self._leaving = leaving
        self._worlds = worlds
        self._counts = counts
        self._chains: Chains | None = None

    def intercept(self, chains: Chains) -> None:
        """Call the interceptors of gateways for what is sent here, too."""
        if chains.watch_gateways:
            self._chains = chains

    def send(
        self, gateway: type[DistributedBus], address: Address, body: Any, options: Any
    ) -> Answer[Receipt]:
        """Send one message."""
        unit = self._leaving.unit_of_work()
        return self._worlds.call(unit, self._send, unit, gateway, address, body, options)

    async def _send(
        self,
        unit: UnitOfWork | None,
        gateway: type[DistributedBus],
        address: Address,
        body: Any,
        given: Mapping[str, Any],
    ) -> Any:
        if unit is not None:
            unit.check_open()
        options = cast("SendOptions", {**_behind(given, gateway.options), **given})
        key = _checked_key(address)
        deliver = partial(self._deliver, unit, gateway, address)
        if self._chains is not None:
            way = gateway.ways[address.reach]
            chain = self._chains.of_sending(way, _Route(key), body)
            if chain is not None:
                return await Sending(chain, body, options, deliver).run()
        return await deliver(body, options)

    async def _deliver(
        self,
        unit: UnitOfWork | None,
        gateway: type[DistributedBus],
        address: Address,
        body: Any,
        options: SendOptions,
    ) -> Receipt:
        destinations = self._destinations_of(gateway)
        services: tuple[str, ...]
        if address.service is None:
            services = destinations.subscribers(address.key)
        else:
            destinations.channel_of(address.service)
            services = (address.service,)
        sealed = self._sealed(address, body, options, unit)
        copies = [self._copy(gateway, destinations, service, sealed) for service in services]
        if copies:
            await self._leaving.leave(copies, unit)
        self._count(address, len(copies))
        return Receipt(sealed.envelope.message_id)

    def _destinations_of(self, gateway: type[DistributedBus]) -> Destinations:
        try:
            return self._destinations[gateway.service_map]
        except KeyError:
            hint = did_you_mean(gateway.service_map, self._destinations)
            raise InvalidSendOption(
                f"bus {self._service!r} has no service map {gateway.service_map!r}{hint};"
                " declare it with bus.add_service_map(...)"
            ) from None

    def _copy(
        self,
        gateway: type[DistributedBus],
        destinations: Destinations,
        service: str,
        sealed: _Sealed,
    ) -> Outgoing:
        channel, endpoint = destinations.channel_of(service), inbox_endpoint(service)
        if gateway.channel is not None:
            channel = gateway.channel
            endpoint = relay_endpoint(self._service, destinations.name, service)
        envelope, wishes = sealed.envelope, self._timing(sealed, channel)
        copy = Outgoing(
            copy_id=new_id(),
            channel=channel,
            endpoint=endpoint,
            message_id=envelope.message_id,
            type_name=envelope.type_name,
            content_type=envelope.content_type,
            headers=sealed.headers_text,
            body=envelope.body,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id or None,
            timestamp=envelope.timestamp,
            priority=wishes.priority or 0,
            delay=wishes.delay or 0.0,
            deliver_at=wishes.deliver_at,
            time_to_live=wishes.time_to_live,
            deduplication_key=sealed.deduplication_key,
        )
        return self._press.bound(copy)

    def _timing(self, sealed: _Sealed, name: str) -> Timing:
        """Return the sender's wishes, and for what it leaves open those of the channel."""
        terms = self._terms[name]
        refuse_lacking(sealed.timing, terms.lacking, terms.channel)
        wishes = first(sealed.timing, terms.timing)
        if wishes.rule is None:
            return wishes
        due = wishes.due(f"channel {name!r}", sealed.message, sealed.envelope.headers)
        return first(due, wishes)

    def _count(self, address: Address, copies: int) -> None:
        counts = self._counts
        if address.service is None:
            counts.published += 1
            counts.unsubscribed += not copies
        else:
            counts.sent += 1
        counts.copies += copies

    # -- the envelope -----------------------------------------------------------------------

    def _sealed(
        self, address: Address, body: Any, options: SendOptions, unit: UnitOfWork | None
    ) -> _Sealed:
        """Return the message with headers of our own, for any service."""
        for name in options.keys() - _OPTIONS:
            raise InvalidSendOption(f"no option {name!r}{did_you_mean(name, _OPTIONS)}")
        for fault in reserved(options.get("headers") or ()):
            raise InvalidHeader(fault)
        content_type, encoded = self._encoded(address.key, body, options)
        handled = current_unit_of_work.get() if unit is None else unit
        parent = None if handled is None else handled.headers
        envelope = self._press.envelope(address.key, content_type, encoded, options, parent)
        ours = {SOURCE: self._service, REACH: address.reach}
        return _Sealed(
            body,
            envelope,
            headers_to_text({**envelope.headers, **ours}),
            timing(options, self._now()),
            f"id:{envelope.message_id}" if "message_id" in options else None,
        )

    def _encoded(self, key: str, body: Any, options: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return the content type and the bytes of a body."""
        media_type = options.get("media_type")
        if media_type is not None:
            return _as_it_is(key, body, media_type)
        wire_format = options.get("content_type", MSGPACK)
        if wire_format not in known_content_types():
            known = " or ".join(map(repr, known_content_types()))
            text = f"content_type={wire_format!r} is not allowed: give {known}"
            raise InvalidSendOption(text)
        try:
            encoded = self._configuration.codecs[wire_format].encode(body)
        except NotConvertible as error:
            raise InvalidMessage(f"{key}: {error}") from error
        version = self._configuration.versions.current(key)
        return with_version(wire_format, version), encoded


def _terms_of(channel: Channel) -> _Terms:
    life = as_seconds(channel.time_to_live)
    wishes = due_by(channel.delay, priority=channel.priority, life=life)
    return _Terms(channel, lacking(channel), wishes)


def _behind(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a gateway's options for a call with these of its own."""
    if "deliver_at" in given:
        return {name: value for name, value in defaults.items() if name != "delay"}
    return defaults


def _checked_key(address: Address) -> str:
    key = address.key
    name = "endpoint_id" if address.reach == "message" else "routing_key"
    try:
        checked_name(key)
    except ValueError as error:
        raise InvalidSendOption(f"{name}={key!r} is not allowed: {error}") from None
    if address.reach != "message" and is_pattern(key):
        raise InvalidSendOption(f"{name}={key!r} is a pattern; a message has a key of words")
    return str(key)


def _as_it_is(key: str, body: object, media_type: object) -> tuple[str, bytes]:
    try:
        wire_format, version = parsed(str(media_type))
    except ValueError as error:
        raise InvalidSendOption(f"media_type={media_type!r} is not allowed: {error}") from None
    if isinstance(body, str) and wire_format != MSGPACK and is_text(body):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview):
        kind = type(body).__name__
        raise InvalidMessage(
            f"{key}: media_type={media_type!r} says that the body is encoded: give bytes"
            f"{'' if wire_format == MSGPACK else ' or a text'}, not {kind}"
        )
    return with_version(wire_format, version), bytes(body)
