"""From what a sender gave to envelopes and copies: names, headers, checks. Nothing is stored here.

What is wrong is the sender's to know, before anything leaves: every function raises MessageRefused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from actorbus._configuration import Configuration
from actorbus._errors import InvalidMessage, InvalidSendOption, NoHandler
from actorbus._handlers import HandlerSpec, Kind
from actorbus._message import MSGPACK, NO_HEADERS, Envelope, Headers, headers_to_text, new_id
from actorbus._options import (
    NO_TIMING,
    SEND_OPTIONS,
    SendOptions,
    Timing,
    checked_headers,
    checked_id,
    timing,
)
from actorbus._store import Outgoing
from actorbus._types import did_you_mean
from actorbus.codecs import (
    Codec,
    NotConvertible,
    codec_for,
    field_names,
    known_content_types,
)

Decode = Callable[[bytes], Any]
_TIMING_OPTIONS = frozenset({"delay", "deliver_at", "priority", "time_to_live"})
_NO_PARENT = Headers(id="", correlation_id="", user=NO_HEADERS)


@dataclass(frozen=True, slots=True)
class Route:
    """Where messages of one name go, and how their bodies are checked.

    `views` are decoders by content type, one for each type that a handler makes of the body.
    `fields` are the names that plain data may have, None for any.
    """

    kind: Kind
    type_name: str
    handlers: tuple[HandlerSpec, ...]
    views: Mapping[str, tuple[Decode, ...]]
    fields: frozenset[str] | None


class Routes:
    """All message names of a bus with their handlers; worked out when it starts."""

    def __init__(self, configuration: Configuration) -> None:
        self._types = configuration.types
        self._kinds: dict[str, Kind] = {
            spec.type_name: spec.kind for spec in configuration.handlers
        }
        self._routes = {
            name: self._route(name, configuration.handlers) for name in configuration.types
        }

    def _route(self, name: str, specs: Iterable[HandlerSpec]) -> Route:
        handlers = tuple(spec for spec in specs if spec.type_name == name)
        kinds = [spec.message_type for spec in handlers]
        if (registered := self._types.type_of(name)) is not None:
            kinds.append(registered)
        distinct = list({id(kind): kind for kind in kinds}.values())
        views = {
            content_type: tuple(codec_for(content_type).decoder(kind) for kind in distinct)
            for content_type in known_content_types()
        }
        return Route(self._kinds.get(name, "event"), name, handlers, views, _all_fields(distinct))

    def find(self, kind: Kind, message: Any, routing_key: str | None) -> Route:
        """Return the route. Raises UnknownMessageType, NoHandler, InvalidMessage."""
        if routing_key is None:
            name = self._types.name_of(type(message))
        else:
            name = self._types.require(routing_key)
        route = self._routes[name]
        if not route.handlers and kind != "event":
            raise NoHandler(f"no handler takes the {kind} {name!r}")
        if route.handlers and route.kind != kind:
            raise InvalidMessage(f"{name!r} is {_WAYS[route.kind]}")
        return route


_WAYS: dict[Kind, str] = {
    "command": "a command; send it through a CommandBus",
    "event": "an event; publish it through an EventBus",
    "query": "a query; ask it through a QueryBus",
}


def _all_fields(kinds: Iterable[Any]) -> frozenset[str] | None:
    """Return the fields that at least one of the types has; None if one of them takes any."""
    fields: set[str] = set()
    for kind in kinds:
        own = field_names(kind)
        if own is None:
            return None
        fields |= own
    return frozenset(fields)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that may leave: checked, stamped, not yet copied to its endpoints.

    `message` is what synchronous handlers get. `explicit_id` is set if the sender chose the id.
    """

    route: Route
    message: Any
    envelope: Envelope
    headers_text: str
    timing: Timing
    explicit_id: str | None


class Press:
    """Makes envelopes and copies."""

    def __init__(
        self, configuration: Configuration, now: Callable[[], float], max_message_bytes: int
    ) -> None:
        self.routes = Routes(configuration)
        self._channels = {channel.name: channel for channel in configuration.channels}
        self._now = now
        self._limit = max_message_bytes
        self._codecs = {name: codec_for(name) for name in known_content_types()}

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
        return self._stamp(kind, message, options, parent, wishes)

    def _stamp(
        self, kind: Kind, message: Any, options: SendOptions, parent: Headers, wishes: Timing
    ) -> Prepared:
        route = self.routes.find(kind, message, options.get("routing_key"))
        codec = self._codec(options.get("content_type", MSGPACK))
        body, message = self._body(route, codec, message)
        explicit_id = options.get("message_id")
        message_id = new_id() if explicit_id is None else checked_id("message_id", explicit_id)
        headers, text = _headers(options.get("headers"), parent)
        self._check_size(route, body, text)
        correlation_id = options.get("correlation_id")
        envelope = Envelope(
            message_id=message_id,
            type_name=route.type_name,
            content_type=codec.content_type,
            body=body,
            headers=headers,
            correlation_id=checked_id("correlation_id", correlation_id)
            if correlation_id is not None
            else parent.correlation_id or message_id,
            causation_id=parent.id,
            timestamp=self._now(),
        )
        return Prepared(route, message, envelope, text, wishes, explicit_id)

    def _codec(self, content_type: str) -> Codec:
        try:
            return self._codecs[content_type]
        except KeyError:
            known = " or ".join(repr(name) for name in self._codecs)
            raise InvalidSendOption(
                f"content_type={content_type!r} is not allowed: give {known}"
            ) from None

    def _body(self, route: Route, codec: Codec, message: Any) -> tuple[bytes, Any]:
        """Return the body, and what synchronous handlers get: plain data is converted for them."""
        plain = isinstance(message, dict)
        if plain and route.fields is not None and (unknown := message.keys() - route.fields):
            name = min(unknown, key=repr)
            hint = did_you_mean(str(name), route.fields)
            raise InvalidMessage(f"{route.type_name}: no field {name!r}{hint}")
        try:
            body = codec.encode(message)
            converted = message
            for decode in route.views[codec.content_type]:
                converted = decode(body)
        except NotConvertible as error:
            raise InvalidMessage(f"{route.type_name}: {error}") from error
        return body, converted if plain and len(route.handlers) == 1 else message

    def _check_size(self, route: Route, body: bytes, headers: str) -> None:
        size = len(body) + len(headers)
        if size > self._limit:
            raise InvalidMessage(
                f"{route.type_name}: body and headers are {size:,} bytes, more than the"
                f" {self._limit:,} that ActorBus(max_message_bytes=) allows"
            )

    def copy(self, prepared: Prepared, spec: HandlerSpec, channel: str) -> Outgoing:
        """Return the copy for one endpoint. Raises what the channel's tenant rule raises."""
        envelope, wishes = prepared.envelope, prepared.timing
        has_due_time = wishes.delay is not None or wishes.deliver_at is not None
        return Outgoing(
            copy_id=new_id(),
            channel=channel,
            endpoint=spec.endpoint_id,
            tenant=self._channels[channel].tenant_of(prepared.message, envelope.headers),
            message_id=envelope.message_id,
            type_name=envelope.type_name,
            content_type=envelope.content_type,
            headers=prepared.headers_text,
            body=envelope.body,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id or None,
            timestamp=envelope.timestamp,
            priority=spec.priority if wishes.priority is None else wishes.priority,
            delay=(wishes.delay or 0.0) if has_due_time else spec.delay,
            deliver_at=wishes.deliver_at,
            time_to_live=spec.time_to_live if wishes.time_to_live is None else wishes.time_to_live,
            deduplication_key=deduplication_key(prepared, spec),
        )


def _headers(given: Any, parent: Headers) -> tuple[Mapping[str, str], str]:
    """Return the user's headers and their text: the parent's, overridden by those given."""
    if given is None:
        return parent.user, parent.text
    headers = {**parent.user, **checked_headers(given)}
    return headers, headers_to_text(headers)


def deduplication_key(prepared: Prepared, spec: HandlerSpec) -> str | None:
    """Return the key of which an endpoint handles one message only; None if all are wanted.

    A handler's own expression comes before an id that the sender chose.
    """
    if spec.deduplicate is None:
        return prepared.explicit_id and f"id:{prepared.explicit_id}"
    key = spec.deduplicate(_seen_by(prepared, spec))
    if key is None or isinstance(key, float):
        raise InvalidMessage(
            f"{spec.endpoint_id}: deduplicate= gave {key!r}, which tells no two messages apart"
        )
    return f"key:{key}"


def _seen_by(prepared: Prepared, spec: HandlerSpec) -> Any:
    """Return the message as this handler sees it: plain data is what its type makes of it."""
    if not isinstance(prepared.message, dict) or len(prepared.route.handlers) == 1:
        return prepared.message
    return codec_for(prepared.envelope.content_type).decoder(spec.message_type)(
        prepared.envelope.body
    )


def headers_of(prepared: Prepared, spec: HandlerSpec) -> Headers:
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
        endpoint=spec.endpoint_id,
        user=envelope.headers,
    )
