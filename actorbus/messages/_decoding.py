"""From a stored body to the message that a handler takes, by its name and content type."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from actorbus._errors import UndecodableMessage
from actorbus._store import Claimed
from actorbus.codecs import (
    Decode,
    NotConvertible,
    known_content_types,
    parsed,
    too_large,
    with_version,
)
from actorbus.declaring._handlers import HandlerSpec
from actorbus.messages._readings import Readings, read_as
from actorbus.messages._topic import Topic
from actorbus.messages._types import did_you_mean
from actorbus.sending._routing import handlers_of, kinds_of

if TYPE_CHECKING:
    from actorbus.configuration._configuration import Configuration

_ByContentType = Mapping[str, Decode]


class Decoding:
    """The decoders of all handlers of a bus, found out when it starts."""

    def __init__(self, configuration: "Configuration") -> None:
        self._configuration = configuration
        self._readings = Readings(configuration.codecs)
        types, handlers = configuration.types, configuration.handlers
        kinds = kinds_of(handlers)
        self._by_endpoint: dict[str, dict[str, _ByContentType]] = {
            spec.endpoint_id: {} for spec in handlers
        }
        for name in types:
            registered = types.type_of(name)
            for spec in handlers_of(name, registered, handlers, kinds):
                decoders = self._decoders(name, read_as(spec, registered), spec)
                for known in (name, *types.aliases_of(name)):
                    self._by_endpoint[spec.endpoint_id][known] = decoders

    def decode(self, spec: HandlerSpec, stored: Claimed) -> Any:
        """Return the message. Raises UndecodableMessage, which says what is wrong and where."""
        if stored.unread_bytes:
            raise self.refusal(stored.type_name, stored.unread_bytes)
        return self.read(spec, stored.type_name, stored.content_type, stored.body)

    def read_for(self, endpoint: str, stored: Claimed) -> Any:
        """Return the message as an endpoint takes it, plain data if that is not known here."""
        for spec in self._configuration.handlers:
            if endpoint in {spec.endpoint_id, *spec.aliases}:
                return self.decode(spec, stored)
        if stored.unread_bytes:
            raise self.refusal(stored.type_name, stored.unread_bytes)
        wire_format, _ = parsed(stored.content_type)
        try:
            return self._configuration.codecs[wire_format].plain(stored.body)
        except (KeyError, NotConvertible) as error:
            raise UndecodableMessage(f"{stored.type_name}: {error}") from error

    def check(self, endpoint: str, type_name: str, content_type: str, body: bytes) -> None:
        """Raise UndecodableMessage if an endpoint that is known here could not take this body."""
        if len(body) > self._configuration.codecs.limits.bytes:
            raise self.refusal(type_name, len(body))
        for spec in self._configuration.handlers:
            if endpoint in {spec.endpoint_id, *spec.aliases}:
                self.read(spec, type_name, content_type, body)

    def read(self, spec: HandlerSpec, type_name: str, content_type: str, body: bytes) -> Any:
        """Return what a handler makes of a body of at most the limit. Raises UndecodableMessage."""
        try:
            decode = self._by_endpoint[spec.endpoint_id][type_name][content_type]
        except KeyError:
            decode = self._otherwise(spec, type_name, content_type)
        try:
            return decode(body)
        except NotConvertible as error:
            raise UndecodableMessage(f"{type_name}: {error}") from error

    def refusal(self, type_name: str, size: int) -> UndecodableMessage:
        """Return what is raised for a body that is too large to be read."""
        most = self._configuration.codecs.limits.bytes
        return UndecodableMessage(f"{type_name}: {too_large(size, most)}")

    def _decoders(self, name: str, message_type: Any, spec: HandlerSpec) -> _ByContentType:
        found: dict[str, Decode] = {}
        for wire_format in known_content_types():
            codec = self._configuration.codecs[wire_format]
            decode = self._readings.decoder(wire_format, message_type, spec.conversion)
            found.update(self._configuration.versions.decoders(name, codec, decode))
        return found

    def _otherwise(self, spec: HandlerSpec, type_name: str, content_type: str) -> Decode:
        """Return the decoder for what is not usual, or raise why there is none."""
        decoders = self._by_endpoint[spec.endpoint_id].get(type_name)
        if decoders is None:
            decoders = self._of_pattern(spec, type_name)
        try:
            wire_format, version = parsed(content_type)
        except ValueError as error:
            raise UndecodableMessage(f"{type_name}: {error}") from None
        usual = with_version(wire_format, version)
        if usual not in decoders:
            name = self._configuration.types.resolve(type_name)
            why = self._configuration.versions.why_not(name, version)
            raise UndecodableMessage(f"{type_name}: {why}")
        return decoders[usual]

    def _of_pattern(self, spec: HandlerSpec, type_name: str) -> _ByContentType:
        """Return the decoders of a pattern's handler for a key that nothing else knows."""
        if spec.route_by == "pattern" and Topic(spec.type_name).matches(type_name):
            return self._decoders(type_name, spec.message_type, spec)
        names = self._by_endpoint[spec.endpoint_id]
        raise UndecodableMessage(
            f"no message type {type_name!r} is known to {spec.endpoint_id}"
            f"{did_you_mean(type_name, names)}; a renamed one keeps its old name in aliases="
        )
