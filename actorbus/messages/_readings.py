"""What handlers make of messages: the type that each reads a body as, and the decoders for it."""

from typing import Any

from actorbus.codecs import Codecs, Conversion, Decode
from actorbus.declaring._handlers import HandlerSpec

_Key = tuple[str, int, Conversion]


def is_kind_of(message_type: Any, parent: Any) -> bool:
    """Return whether a registered class is the parent, or inherits from it; all do from object."""
    return parent is not object and parent in getattr(message_type, "__mro__", ())


def read_as(spec: HandlerSpec, registered: Any) -> Any:
    """Return the type that a handler's message is read as, under a name registered for a class.

    A handler of a parent class gets the class that was sent, not a parent that lost its fields.
    """
    return registered if is_kind_of(registered, spec.message_type) else spec.message_type


class Readings:
    """The decoders of one bus, each made once for its type, conversion and wire format."""

    def __init__(self, codecs: Codecs) -> None:
        self._codecs = codecs
        self._made: dict[_Key, tuple[Decode, Any]] = {}

    def decoder(self, wire_format: str, message_type: Any, conversion: Conversion) -> Decode:
        """Return the decoder; the type is kept with it, for its identity is the key."""
        key = (wire_format, id(message_type), conversion)
        if key not in self._made:
            decode = self._codecs[wire_format].decoder(message_type, conversion)
            self._made[key] = (decode, message_type)
        return self._made[key][0]
