"""From what a sender gave to envelopes and copies: names, headers, checks. Nothing is stored here.

What is wrong is the sender's to know, before anything leaves: every function raises MessageRefused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from actorbus._errors import InvalidMessage, InvalidSendOption
from actorbus._store import Outgoing
from actorbus.channels._capabilities import lacking, refuse_lacking, refuse_ordering
from actorbus.codecs import Codec, NotConvertible, known_content_types, parsed
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._channel import Channel, StoreChannel
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.declaring._tenant_rules import InvalidTenant
from actorbus.messages._message import (
    MSGPACK,
    NO_HEADERS,
    Envelope,
    Headers,
    headers_to_text,
    new_id,
)
from actorbus.messages._types import did_you_mean
from actorbus.options._deduplication import deduplication_key
from actorbus.options._failure_policy import own_policy_text
from actorbus.options._handling import HANDLING_OPTIONS, Handling, handling
from actorbus.options._options import (
    SEND_OPTIONS,
    SendOptions,
    checked_headers,
    checked_id,
)
from actorbus.options._ordering import OrderingRule, checked_wish, key_of, ordering_of
from actorbus.options._precedence import first, on_channel, timing_of
from actorbus.options._rules import ask
from actorbus.options._timing import NO_TIMING, Timing, timing
from actorbus.sending._placing import Places
from actorbus.sending._routing import Route as Route
from actorbus.sending._routing import Routes

_TIMING_OPTIONS = frozenset({"delay", "deliver_at", "priority", "time_to_live"})
_NO_PARENT = Headers(id="", correlation_id="", user=NO_HEADERS)


class Prepared(msgspec.Struct, frozen=True):
    """A message that may leave: checked, stamped, not yet copied to its endpoints.

    `message` is what synchronous handlers get. `explicit_id` is set if the sender chose the id.
    """

    route: Route
    message: Any
    envelope: Envelope
    headers_text: str
    timing: Timing
    explicit_id: str | None
    handling: Handling | None = None
    ordering_key: str | OrderingRule | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A handler's copies on one channel: whose rules they follow, and what cannot be asked for."""

    spec: HandlerSpec
    timing: Timing
    channel: Channel
    lacking: frozenset[str]
    ordering: OrderingRule | None
    has_own_key: bool
    """Whether its handler says what tells two messages apart."""
    stored_on: str
    stored_for: str
    """The channel and endpoint that they are stored under: those of a relay, or its own."""
    for_endpoint: str | None
    """The handler's endpoint, if it is behind a broker."""


class Press:
    """Makes envelopes and copies."""

    def __init__(
        self,
        configuration: Configuration,
        now: Callable[[], float],
        places: Places | None = None,
    ) -> None:
        self.routes = Routes(configuration)
        self.error_endpoint = configuration.error_endpoint
        self._channels: dict[str, Channel] = {
            **{routing.name: StoreChannel(routing.name) for routing in configuration.routings},
            **{channel.name: channel for channel in configuration.channels},
        }
        for routing in configuration.routings:
            if isinstance(routing, CombinedChannel):
                self._channels[routing.name] = self._channels[routing.broker]
        self._legs: dict[tuple[str, str, str], Leg] = {}
        self._places = places or Places(configuration.channels, configuration.routings)
        self.bound = self._places.outboxes.bound
        """Returns a copy as it is to be stored: in an outbox, if its channel is at a broker."""
        self._now = now
        self._limit = configuration.messages.max_message_bytes
        self._codecs = {name: configuration.codecs[name] for name in known_content_types()}
        passes_all = configuration.messages.propagate_headers == "all"
        self._inherited = None if passes_all else configuration.messages.passed_on

    def prepare(
        self, kind: Kind, message: Any, options: SendOptions, parent: Headers | None
    ) -> Prepared:
        """Check and stamp a message; `parent` are the headers of the one being handled."""
        parent = _NO_PARENT if parent is None else parent
        if not options:
            return self._stamp(kind, message, options, parent, NO_TIMING)
        for name in options.keys() - SEND_OPTIONS:
            hint = did_you_mean(name, SEND_OPTIONS)
            raise InvalidSendOption(f"no option {name!r}{hint}")
        wishes = NO_TIMING
        if not _TIMING_OPTIONS.isdisjoint(options):
            wishes = timing(options, self._now())
        prepared = self._stamp(kind, message, options, parent, wishes)
        if not HANDLING_OPTIONS.isdisjoint(options):
            prepared = msgspec.structs.replace(prepared, handling=handling(options))
        if "ordering_key" in options:
            wish = checked_wish(options["ordering_key"])
            prepared = msgspec.structs.replace(prepared, ordering_key=wish)
        if wishes.rule is None:
            return prepared
        due = wishes.due(prepared.route.type_name, prepared.message, prepared.envelope.headers)
        return msgspec.structs.replace(prepared, timing=first(due, wishes))

    def _stamp(
        self, kind: Kind, message: Any, options: SendOptions, parent: Headers, wishes: Timing
    ) -> Prepared:
        route = self.routes.find(kind, message, options.get("routing_key"))
        codec = self._codec(options.get("content_type", MSGPACK))
        body, message = self._body(route, codec, message)
        explicit_id = options.get("message_id")
        message_id = new_id() if explicit_id is None else checked_id("message_id", explicit_id)
        headers, text = parent.user, parent.text
        if "headers" in options or self._inherited is not None:
            headers, text = self._headers(options.get("headers"), parent)
        self._check_size(route.type_name, len(body) + len(text))
        correlation_id = options.get("correlation_id")
        envelope = Envelope(
            message_id=message_id,
            type_name=route.type_name,
            content_type=route.content_types[codec.content_type],
            body=body,
            headers=headers,
            correlation_id=checked_id("correlation_id", correlation_id)
            if correlation_id is not None
            else parent.correlation_id or message_id,
            causation_id=parent.id,
            timestamp=self._now(),
        )
        return Prepared(route, message, envelope, text, wishes, explicit_id)

    def envelope(
        self,
        type_name: str,
        content_type: str,
        body: bytes,
        options: SendOptions,
        parent: Headers | None,
    ) -> Envelope:
        """Stamp a body that is for another service, whose handlers are not known here."""
        parent = _NO_PARENT if parent is None else parent
        explicit_id, correlation_id = options.get("message_id"), options.get("correlation_id")
        message_id = new_id() if explicit_id is None else checked_id("message_id", explicit_id)
        headers, text = self._headers(options.get("headers"), parent)
        self._check_size(type_name, len(body) + len(text))
        if correlation_id is not None:
            checked_id("correlation_id", correlation_id)
        return Envelope(
            message_id=message_id,
            type_name=type_name,
            content_type=content_type,
            body=body,
            headers=headers,
            correlation_id=correlation_id or parent.correlation_id or message_id,
            causation_id=parent.id,
            timestamp=self._now(),
        )

    def _codec(self, content_type: str) -> Codec:
        try:
            return self._codecs[content_type]
        except KeyError:
            known = " or ".join(repr(name) for name in self._codecs)
            raise InvalidSendOption(
                f"content_type={content_type!r} is not allowed: give {known}"
            ) from None

    def _headers(self, given: Any, parent: Headers) -> tuple[Mapping[str, str], str]:
        """Return the user's headers and their text: those passed on, overridden by those given."""
        passed_on = parent.user
        if self._inherited is not None and parent is not _NO_PARENT:
            passed_on = self._inherited(passed_on)
        headers = passed_on if given is None else {**passed_on, **checked_headers(given)}
        return headers, headers_to_text(headers)

    def _body(self, route: Route, codec: Codec, message: Any) -> tuple[bytes, Any]:
        """Return the body, and what synchronous handlers get: plain data is converted for them."""
        own = type(message) is route.message_type
        if not own and isinstance(message, dict):
            _check_fields(route, message)
        views = route.own_views if own else route.views
        seen = message
        try:
            body = codec.encode(message)
            for place, decode in enumerate(views[codec.content_type]):
                decoded = decode(body)
                if place == route.main:
                    seen = decoded
        except NotConvertible as error:
            raise InvalidMessage(f"{route.type_name}: {error}") from error
        return body, message if own and not route.converts_own else seen

    def _check_size(self, type_name: str, size: int) -> None:
        if size > self._limit:
            raise InvalidMessage(
                f"{type_name}: body and headers are {size:,} bytes, more than the"
                f" {self._limit:,} that ActorBus(max_message_bytes=) allows"
            )

    def message_for(self, prepared: Prepared, spec: HandlerSpec) -> Any:
        """Return the message as a synchronous handler sees it, which its type may say."""
        if not prepared.route.readings:
            return prepared.message
        wire_format, _ = parsed(prepared.envelope.content_type)
        reading, decode = self.routes.reading(prepared.route, wire_format, spec)
        kind = type(prepared.message)
        if kind is reading.message_type and kind is not dict and reading.conversion.strict:
            return prepared.message
        return decode(prepared.envelope.body)

    def deduplication_key(self, prepared: Prepared, spec: HandlerSpec) -> str | None:
        """Return the key of which an endpoint handles one message only; None if all are wanted.

        A handler's own expression comes before an id that the sender chose.
        """
        rule = spec.deduplicate
        if rule is None or isinstance(rule, bool):
            wanted = rule is not False
            return f"id:{prepared.explicit_id}" if wanted and prepared.explicit_id else None
        try:
            key = ask(rule, self.message_for(prepared, spec), prepared.envelope.headers)
        except InvalidTenant:  # what header(...) and field(...) raise where there is nothing
            key = None
        return deduplication_key(key, spec.endpoint_id)

    def copy(
        self, prepared: Prepared, spec: HandlerSpec, channel: str, on_failure: str | None = None
    ) -> Outgoing:
        """Return the copy for one endpoint. Raises what the channel's rules raise.

        If it is sent on to a channel of the endpoint's own, that one's rule is asked too, so that
        the sender learns what is wrong.
        """
        envelope = prepared.envelope
        if spec.channel is not None and spec.channel != channel:
            self._places.check(spec.channel, prepared.message, envelope.headers)
        place = self._places.locate(channel, prepared.message, envelope.headers)
        leg = self._legs.get((spec.endpoint_id, channel, place.channel))
        if leg is None:
            leg = self._leg(spec, channel, place.channel)
        wishes = leg.timing
        if prepared.timing is not NO_TIMING:
            refuse_lacking(prepared.timing, leg.lacking, leg.channel)
            wishes = first(prepared.timing, wishes)
        if prepared.handling is not None:
            own = prepared.handling
            on_failure = own_policy_text(on_failure, own.retry, own.timeout)
        due = wishes
        if wishes.rule is not None:
            seen = self.message_for(prepared, spec)
            due = wishes.due(spec.endpoint_id, seen, envelope.headers)
        rule = prepared.ordering_key or leg.ordering
        return Outgoing(
            copy_id=new_id(),
            channel=leg.stored_on,
            endpoint=leg.stored_for,
            for_endpoint=leg.for_endpoint,
            tenant=place.tenant,
            message_id=envelope.message_id,
            type_name=envelope.type_name,
            content_type=envelope.content_type,
            headers=prepared.headers_text,
            body=envelope.body,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id or None,
            timestamp=envelope.timestamp,
            priority=wishes.priority or 0,
            delay=due.delay or 0.0,
            deliver_at=due.deliver_at,
            time_to_live=wishes.time_to_live,
            deduplication_key=self.deduplication_key(prepared, leg.spec)
            if leg.has_own_key or prepared.explicit_id is not None
            else None,
            on_failure=on_failure,
            ordering_key=None if rule is None else self._ordering_key(prepared, leg, rule, wishes),
            parked=place.parked,
        )

    def _ordering_key(
        self, prepared: Prepared, leg: Leg, rule: str | OrderingRule, wishes: Timing
    ) -> str | None:
        """Return the key that a copy is ordered by. Raises InvalidSendOption and InvalidMessage."""
        refuse_ordering(prepared.ordering_key, leg.lacking, leg.channel)
        spec, headers = leg.spec, prepared.envelope.headers
        seen = prepared.message if isinstance(rule, str) else self.message_for(prepared, spec)
        key = key_of(rule, spec.endpoint_id, seen, headers)
        if key is not None and wishes.priority:
            raise InvalidSendOption(
                f"priority={wishes.priority!r} contradicts ordering_key=: {spec.endpoint_id}"
                " handles messages of one key in the order of their sending"
            )
        return key

    def _leg(self, spec: HandlerSpec, sent_on: str, name: str) -> Leg:
        """Return what holds for all copies of a handler on a channel; worked out once."""
        channel = self._channels[name]
        own = channel if spec.channel in {None, sent_on, name} else self._channels[spec.channel]
        filled = on_channel(on_channel(spec, own), channel)
        ordering = None if spec.kind == "query" else ordering_of(filled.ordering_key)
        relay = self._places.outboxes.relay_for(sent_on, name)
        leg = Leg(
            filled,
            timing_of(filled),
            channel,
            lacking(own) | lacking(channel),
            None if ordering is None else ordering.key,
            not (filled.deduplicate is None or isinstance(filled.deduplicate, bool)),
            name if relay is None else relay.outbox,
            spec.endpoint_id if relay is None else relay.endpoint_id,
            None if relay is None else spec.endpoint_id,
        )
        self._legs[spec.endpoint_id, sent_on, name] = leg
        return leg


def _check_fields(route: Route, message: Mapping[Any, Any]) -> None:
    """Refuse a name that no handler's type has: most likely it is misspelt."""
    if route.fields is not None and (unknown := message.keys() - route.fields):
        name = min(unknown, key=repr)
        hint = did_you_mean(str(name), route.fields)
        raise InvalidMessage(f"{route.type_name}: no field {name!r}{hint}")


def headers_of(prepared: Prepared, spec: HandlerSpec, attempt: int) -> Headers:
    """Return the headers that a synchronous handler gets."""
    envelope = prepared.envelope
    return Headers(
        id=envelope.message_id,
        copy_id=envelope.message_id,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        type_name=envelope.type_name,
        content_type=envelope.content_type,
        timestamp=envelope.timestamp,
        attempt=attempt,
        endpoint=spec.endpoint_id,
        user=envelope.headers,
    )
