"""Which handlers a message goes to: by its type, its parent classes, its routing key.

All of it is worked out when the bus starts, but for routing keys that only patterns know.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from actorbus._errors import InvalidMessage, InvalidSendOption, NoHandler, UnknownMessageType
from actorbus.codecs import (
    Conversion,
    Decode,
    field_names,
    is_flat,
    known_content_types,
    with_version,
)
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.messages._readings import Readings, is_kind_of, read_as
from actorbus.messages._topic import Topic, is_pattern
from actorbus.messages._types import checked_name

if TYPE_CHECKING:
    from actorbus.configuration._configuration import Configuration

MOST_KEYS = 1_000
"""How many routing keys that only patterns know are remembered with their routes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one handler sees a body."""

    message_type: Any
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class Route:
    """Where messages of one name go, and how their bodies are checked.

    `message_type` is the class registered under the name, None for a routing key. `views` are
    decoders by wire format, one for each way in which a handler sees the body; `own_views` the
    same for instances of the registered class. `main` is the place of the view that makes what
    synchronous handlers get of plain data, None if each sees it differently: then `readings` say
    how, by endpoint. `converts_own` is False where an instance of the class is given to them as it
    is. `fields` are the names that plain data may have, None for any.
    """

    kind: Kind
    type_name: str
    handlers: tuple[HandlerSpec, ...]
    content_types: Mapping[str, str]
    views: Mapping[str, tuple[Decode, ...]]
    fields: frozenset[str] | None
    message_type: Any = None
    own_views: Mapping[str, tuple[Decode, ...]] = field(default_factory=dict)
    main: int | None = None
    converts_own: bool = False
    readings: Mapping[str, Reading] = field(default_factory=dict)


class Routes:
    """All message names of a bus with their handlers; worked out when it starts."""

    def __init__(self, configuration: "Configuration") -> None:
        self._configuration = configuration
        self._types = configuration.types
        self._readings = Readings(configuration.codecs)
        self._kinds = kinds_of(configuration.handlers)
        self._patterns = [
            (Topic(spec.type_name), spec)
            for spec in configuration.handlers
            if spec.route_by == "pattern"
        ]
        self._routes = {name: self._route(name) for name in configuration.types}
        self._matching = lru_cache(maxsize=MOST_KEYS)(self._route)

    def find(self, kind: Kind, message: Any, routing_key: str | None) -> Route:
        """Return the route. Raises UnknownMessageType, NoHandler, InvalidMessage."""
        if routing_key is None:
            route = self._routes[self._types.name_of(type(message))]
        else:
            route = self._by_key(routing_key)
        if not route.handlers and kind != "event":
            raise NoHandler(f"no handler takes the {kind} {route.type_name!r}")
        if route.handlers and route.kind != kind:
            raise InvalidMessage(f"{route.type_name!r} is {_WAYS[route.kind]}")
        return route

    def any_kind(self, message: Any, routing_key: str | None) -> Route:
        """Return the route, whatever kind of message it is. Raises UnknownMessageType."""
        if routing_key is None:
            return self._routes[self._types.name_of(type(message))]
        return self._by_key(routing_key)

    def _by_key(self, routing_key: str) -> Route:
        route = self._routes.get(routing_key)
        if route is None:
            if not isinstance(routing_key, str):
                text = f"routing_key={routing_key!r} is not allowed: give a text"
                raise InvalidSendOption(text)
            name = self._types.resolve(routing_key)
            route = self._routes.get(name) or self._by_patterns(name)
        return route

    def _by_patterns(self, key: Any) -> Route:
        if not any(topic.matches(key) for topic, _ in self._patterns):
            self._types.require(key)
        try:
            checked_name(key)
        except ValueError as error:
            raise UnknownMessageType(str(error)) from None
        if is_pattern(key):
            raise UnknownMessageType(f"{key!r} is a pattern; a message has a key without wildcards")
        return self._matching(key)

    def reading(self, route: Route, wire_format: str, spec: HandlerSpec) -> tuple[Reading, Decode]:
        """Return how a handler sees the route's messages."""
        reading = route.readings[spec.endpoint_id]
        kind, conversion = reading.message_type, reading.conversion
        return reading, self._readings.decoder(wire_format, kind, conversion)

    def _route(self, name: str) -> Route:
        registered = self._types.type_of(name)
        handlers = handlers_of(name, registered, self._configuration.handlers, self._kinds)
        readings = {
            spec.endpoint_id: Reading(read_as(spec, registered), spec.conversion)
            for spec in handlers
        }
        distinct = _distinct(readings.values())
        if not distinct and registered is not None:
            options = self._configuration.messages
            distinct = [Reading(registered, options.conversion_of(None, None, is_view=False))]
        main = _main(distinct, registered)
        alike = len(distinct) == 1 and _shared(distinct[0], handlers)
        return Route(
            kind=self._kinds.get(name, "event"),
            type_name=name,
            handlers=handlers,
            content_types={
                wire_format: with_version(wire_format, self._configuration.versions.current(name))
                for wire_format in known_content_types()
            },
            views=self._views(distinct),
            fields=self._fields(distinct),
            message_type=registered,
            own_views=self._views([_own(reading, registered) for reading in distinct]),
            main=main,
            converts_own=main is not None and not _as_sent(distinct[main], registered),
            readings={} if alike else readings,
        )

    def _views(self, readings: Iterable[Reading]) -> Mapping[str, tuple[Decode, ...]]:
        decoder = self._readings.decoder
        return {
            wire_format: tuple(
                decoder(wire_format, reading.message_type, reading.conversion)
                for reading in readings
            )
            for wire_format in known_content_types()
        }

    def _fields(self, readings: Iterable[Reading]) -> frozenset[str] | None:
        """Return the fields that at least one of the types has; None if one of them takes any."""
        if self._configuration.messages.unknown_fields == "ignore":
            return None
        fields: set[str] = set()
        for reading in readings:
            own = field_names(reading.message_type)
            if own is None or not reading.conversion.strict:
                return None
            fields |= own
        return frozenset(fields)


_WAYS: dict[Kind, str] = {
    "command": "a command; send it through a CommandBus",
    "event": "an event; publish it through an EventBus",
    "query": "a query; ask it through a QueryBus",
}


def kinds_of(handlers: Iterable[HandlerSpec]) -> dict[str, Kind]:
    """Return what each message name is, as far as handlers of just that name tell."""
    return {spec.type_name: spec.kind for spec in handlers if spec.route_by != "pattern"}


def kind_of(name: str, configuration: "Configuration") -> Kind | None:
    """Return what messages of a name, an alias or a routing key are; None if it is none of them."""
    known = configuration.types.resolve(name)
    kinds = kinds_of(configuration.handlers)
    if known in configuration.types:
        return kinds.get(known, "event")
    if is_pattern(name):
        return None
    handlers = handlers_of(name, None, configuration.handlers, kinds)
    return "event" if handlers else None


def handlers_of(
    name: str, registered: Any, handlers: Iterable[HandlerSpec], kinds: Mapping[str, Kind]
) -> tuple[HandlerSpec, ...]:
    """Return the handlers of a message name, in declared order.

    An event also goes to the handlers of its class's parents, and of patterns for its name.
    """
    is_event = kinds.get(name, "event") == "event"
    return tuple(
        spec
        for spec in handlers
        if (spec.type_name == name and spec.route_by != "pattern")
        or (is_event and spec.kind == "event" and _subscribes(spec, name, registered))
    )


def _subscribes(spec: HandlerSpec, name: str, registered: Any) -> bool:
    if spec.route_by == "type":
        return is_kind_of(registered, spec.message_type)
    return spec.route_by == "pattern" and Topic(spec.type_name).matches(name)


def _distinct(readings: Iterable[Reading]) -> list[Reading]:
    return list({(id(one.message_type), one.conversion): one for one in readings}.values())


def _main(readings: list[Reading], registered: Any) -> int | None:
    for place, reading in enumerate(readings):
        if registered is not None and reading.message_type is registered:
            return place
    return 0 if len(readings) == 1 else None


def _as_sent(reading: Reading, registered: Any) -> bool:
    """Return whether an instance of the class is what the handlers get, as it is."""
    return reading.message_type is registered and reading.conversion.strict


def _shared(reading: Reading, handlers: tuple[HandlerSpec, ...]) -> bool:
    """Return whether all handlers can be given one object: it is alone, or a message of a class."""
    kind = reading.message_type
    return len(handlers) <= 1 or (isinstance(kind, type) and not issubclass(kind, dict | list))


def _own(reading: Reading, registered: Any) -> Reading:
    """Leave out the search for unknown fields where an instance of the class cannot have any."""
    if reading.message_type is not registered or not is_flat(registered):
        return reading
    return replace(reading, conversion=replace(reading.conversion, unknown_fields="ignore"))
