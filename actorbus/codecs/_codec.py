"""A codec per wire format, with a decoder per message type.

A decoder refuses what is too large, what is nested too deep, what does not convert, and fields
that the type does not have, in this order. What can be decided from the type alone is decided
when the decoder is made: a type that limits its own depth is not measured, and a message that is
written again exactly as it was read has no unknown fields.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import inspect

from actorbus.codecs._content_type import FORMATS, parsed
from actorbus.codecs._conversion import Conversion, Converter, Limits
from actorbus.codecs._depth import Found, depth_check
from actorbus.codecs._explanation import close_to, explain, named, unknown_field
from actorbus.codecs._hooks import Hooks
from actorbus.codecs._inspection import is_bounded
from actorbus.codecs._unknown_fields import unknown_fields
from actorbus.messages._message import JSON, MSGPACK

Decode = Callable[[bytes], Any]

STRICT = Conversion()
_MODULES: dict[str, Any] = {MSGPACK: msgspec.msgpack, JSON: msgspec.json}


class NotConvertible(ValueError):
    """A body or a message does not convert; the text names the field and the value."""


class Codec:
    """One wire format. Its decoders are built once per message type, and kept by the caller."""

    def __init__(self, content_type: str, hooks: Hooks, limits: Limits) -> None:
        module = _MODULES[content_type]
        self.content_type = content_type
        self._hooks = hooks
        self._limits = limits
        self._encode = module.Encoder(enc_hook=hooks.encode).encode
        self._decoder_class = module.Decoder
        self._too_deep = depth_check(content_type, limits.depth)
        self._plain: Decode = module.Decoder().decode

    def encode(self, message: Any) -> bytes:
        """Return the body. Raises NotConvertible for what no wire format can carry."""
        try:
            body: bytes = self._encode(message)
        except RecursionError:
            raise NotConvertible(
                f"{type(message).__qualname__} is nested too deep, or in itself"
            ) from None
        except Exception as error:
            raise NotConvertible(
                f"{type(message).__qualname__} cannot be written: {error}"
            ) from error
        return body

    def plain(self, body: bytes) -> Any:
        """Return the body as plain data, whatever its type. Raises NotConvertible."""
        try:
            return self._plain(body)
        except RecursionError:
            raise NotConvertible(_nested(self._too_deep(body), self._limits.depth)) from None
        except Exception as error:
            raise NotConvertible(explain(error, body, self._plain)) from error

    def check(self, body: bytes) -> None:
        """Raise NotConvertible if the body is larger or nested deeper than the limits allow."""
        if len(body) > self._limits.bytes:
            raise NotConvertible(too_large(len(body), self._limits.bytes))
        if (path := self._too_deep(body)) is not None:
            raise NotConvertible(_nested(path, self._limits.depth))

    def decoder(self, message_type: Any, conversion: Conversion = STRICT) -> Decode:
        """Return a function from a body to a message of that type.

        The function raises NotConvertible. Raises TypeError here for a type that no body converts
        to; `unsupported_parts` tells more about it.
        """
        wanted = Any if message_type is object else message_type
        hook = self._hooks.decoder(strict=conversion.strict)
        decode = self._decoder_class(wanted, strict=conversion.strict, dec_hook=hook).decode
        if not is_bounded(wanted):
            decode = self._measured(decode)
        decode = self._explained(decode)
        if conversion.unknown_fields == "refuse" and not _takes_anything(wanted):
            return self._complete(decode, wanted)
        return decode

    def _measured(self, decode: Decode) -> Decode:
        too_deep, most = self._too_deep, self._limits.depth

        def decode_if_shallow(body: bytes) -> Any:
            if (path := too_deep(body)) is not None:
                raise NotConvertible(_nested(path, most))
            return decode(body)

        return decode_if_shallow

    def _explained(self, decode: Decode) -> Decode:
        most = self._limits.bytes

        def decode_or_explain(body: bytes) -> Any:
            if len(body) > most:
                raise NotConvertible(too_large(len(body), most))
            try:
                return decode(body)
            except NotConvertible:
                raise
            except RecursionError:
                raise NotConvertible(_nested(self._too_deep(body), self._limits.depth)) from None
            except Exception as error:
                raise NotConvertible(self._why(error, body)) from error

        return decode_or_explain

    def _why(self, error: Exception, body: bytes) -> str:
        return explain(error, body, self._plain)

    def _complete(self, decode: Decode, message_type: Any) -> Decode:
        encode, plain, info = self._encode, self.plain, inspect.type_info(message_type)

        def decode_all_of_it(body: bytes) -> Any:
            message = decode(body)
            try:
                same = encode(message) == body
            except Exception:  # noqa: BLE001  a type may be read and not written; look the slow way
                same = False
            if not same:
                for path, known in unknown_fields(info, plain(body)):
                    raise NotConvertible(f"{unknown_field(path)}{close_to(path, known)}")
            return message

        return decode_all_of_it


class Codecs:
    """The codecs of one bus: the same converters and limits for each wire format."""

    def __init__(self, converters: Iterable[Converter] = (), limits: Limits | None = None) -> None:
        self.hooks = Hooks(converters)
        self.limits = limits or Limits()
        self._codecs = {name: Codec(name, self.hooks, self.limits) for name in FORMATS}

    def __getitem__(self, wire_format: str) -> Codec:
        return self._codecs[wire_format]

    def of(self, content_type: str) -> Codec:
        """Return the codec of a content type. Raises ValueError naming it and what is known."""
        return self._codecs[parsed(content_type)[0]]


_DEFAULT = Codecs()


def codec_for(content_type: str) -> Codec:
    """Return a codec without converters. Raises ValueError naming it and what is known."""
    return _DEFAULT.of(content_type)


def known_content_types() -> tuple[str, ...]:
    """Return the wire formats that bodies may have, the default one first."""
    return FORMATS


def too_large(size: int, most: int) -> str:
    """Say that a body has too many bytes."""
    return f"the body is {size:,} bytes, more than the {most:,} of max_message_bytes"


def _nested(path: Found, most: int) -> str:
    where = f"{named(path)}: " if path else ""
    return f"{where}nested deeper than the {most} levels of max_message_depth"


def _takes_anything(message_type: Any) -> bool:
    return message_type is Any
