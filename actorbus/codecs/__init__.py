"""Bodies: bytes to typed messages and back, strictly, through msgspec.

A message is a dataclass, an attrs class, a `msgspec.Struct`, a pydantic model, a TypedDict, or
plain data. Conversion is strict ("3" is not 3), a field that a newer sender added is ignored, and
a refusal names the field and its value. Nothing is imported by a name found in a body.

    _codec        Codec, its two kinds (msgpack, the default; JSON), and which one a body needs
    _hooks        pydantic models, inside of anything or as the message itself
    _inspection   which types can be decoded, found out before the first message
    _explanation  the words for a body that does not convert
"""

from actorbus.codecs._codec import Codec as Codec
from actorbus.codecs._codec import NotConvertible as NotConvertible
from actorbus.codecs._codec import codec_for as codec_for
from actorbus.codecs._codec import known_content_types as known_content_types
from actorbus.codecs._inspection import field_names as field_names
from actorbus.codecs._inspection import is_plain as is_plain
from actorbus.codecs._inspection import unsupported_parts as unsupported_parts

__all__ = [
    "Codec",
    "NotConvertible",
    "codec_for",
    "field_names",
    "is_plain",
    "known_content_types",
    "unsupported_parts",
]
