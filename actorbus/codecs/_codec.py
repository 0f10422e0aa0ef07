"""A codec per content type, with a decoder per message type."""

from collections.abc import Callable
from typing import Any

import msgspec

from actorbus._message import JSON, MSGPACK
from actorbus.codecs._explanation import explain
from actorbus.codecs._hooks import decode_foreign, encode_foreign

Decode = Callable[[bytes], Any]


class NotConvertible(ValueError):
    """A body or a message does not convert; the text names the field and the value."""


class Codec:
    """One wire format. Its decoders are built once per message type, and kept by the caller."""

    __slots__ = ("_decoder_class", "_encode", "content_type", "plain")

    def __init__(self, content_type: str, encoder: Any, decoder_class: Any) -> None:
        self.content_type = content_type
        self._encode = encoder.encode
        self._decoder_class = decoder_class
        self.plain: Decode = decoder_class().decode
        """Decodes a body to plain data, whatever its type."""

    def encode(self, message: Any) -> bytes:
        """Return the body. Raises NotConvertible for what no wire format can carry."""
        try:
            body: bytes = self._encode(message)
        except Exception as error:
            raise NotConvertible(
                f"{type(message).__qualname__} cannot be written: {error}"
            ) from error
        return body

    def decoder(self, message_type: Any) -> Decode:
        """Return a function from a body to a message of that type.

        The function raises NotConvertible. Raises TypeError here for a type that no body converts
        to; `unsupported_parts` tells more about it.
        """
        wanted = Any if message_type is object else message_type
        decode: Decode = self._decoder_class(wanted, dec_hook=decode_foreign).decode

        def decode_or_explain(body: bytes) -> Any:
            try:
                return decode(body)
            except Exception as error:
                raise NotConvertible(explain(error, body, self.plain)) from error

        return decode_or_explain


_CODECS = {
    MSGPACK: Codec(
        MSGPACK, msgspec.msgpack.Encoder(enc_hook=encode_foreign), msgspec.msgpack.Decoder
    ),
    JSON: Codec(JSON, msgspec.json.Encoder(enc_hook=encode_foreign), msgspec.json.Decoder),
}


def codec_for(content_type: str) -> Codec:
    """Return the codec of a content type. Raises KeyError naming it and what is known."""
    try:
        return _CODECS[content_type]
    except KeyError:
        known = ", ".join(known_content_types())
        raise KeyError(f"no codec for content type {content_type!r} (known: {known})") from None


def known_content_types() -> tuple[str, ...]:
    """Return the content types that bodies may have, the default one first."""
    return tuple(_CODECS)
