"""Bodies: bytes to typed messages and back, strictly or laxly, through msgspec.

A message is a dataclass, an attrs class, a `msgspec.Struct`, a pydantic model, a TypedDict, a class
that has a converter, or plain data. A refusal names the path to the field and its value. Nothing
is imported by a name found in a body.

    _codec           Codec, its two kinds (msgpack, the default; JSON), a bus's Codecs
    _conversion      strict or lax, limits, converters: what a bus or a handler may say
    _content_type    which wire format a body has, and which version of its type
    _hooks           pydantic models and converters, inside of anything or as the message itself
    _depth           how deep a body is nested, found before it is read
    _unknown_fields  fields that a type does not have, anywhere in a body
    _inspection      what can be told from a type, before the first message
    _explanation     the words for a body that does not convert
"""

from actorbus.codecs._codec import STRICT as STRICT
from actorbus.codecs._codec import Codec as Codec
from actorbus.codecs._codec import Codecs as Codecs
from actorbus.codecs._codec import Decode as Decode
from actorbus.codecs._codec import NotConvertible as NotConvertible
from actorbus.codecs._codec import codec_for as codec_for
from actorbus.codecs._codec import known_content_types as known_content_types
from actorbus.codecs._codec import too_large as too_large
from actorbus.codecs._content_type import FIRST_VERSION as FIRST_VERSION
from actorbus.codecs._content_type import parsed as parsed
from actorbus.codecs._content_type import with_version as with_version
from actorbus.codecs._conversion import DEEPEST_LIMIT as DEEPEST_LIMIT
from actorbus.codecs._conversion import STRICTNESS as STRICTNESS
from actorbus.codecs._conversion import UNKNOWN_FIELDS as UNKNOWN_FIELDS
from actorbus.codecs._conversion import Conversion as Conversion
from actorbus.codecs._conversion import Converter as Converter
from actorbus.codecs._conversion import Limits as Limits
from actorbus.codecs._conversion import Strictness as Strictness
from actorbus.codecs._conversion import UnknownFields as UnknownFields
from actorbus.codecs._hooks import is_model as is_model
from actorbus.codecs._inspection import field_names as field_names
from actorbus.codecs._inspection import is_flat as is_flat
from actorbus.codecs._inspection import is_native as is_native
from actorbus.codecs._inspection import is_plain as is_plain
from actorbus.codecs._inspection import unsupported_parts as unsupported_parts

__all__ = [
    "DEEPEST_LIMIT",
    "FIRST_VERSION",
    "STRICT",
    "STRICTNESS",
    "UNKNOWN_FIELDS",
    "Codec",
    "Codecs",
    "Conversion",
    "Converter",
    "Decode",
    "Limits",
    "NotConvertible",
    "Strictness",
    "UnknownFields",
    "codec_for",
    "field_names",
    "is_flat",
    "is_model",
    "is_native",
    "is_plain",
    "known_content_types",
    "parsed",
    "too_large",
    "unsupported_parts",
    "with_version",
]
