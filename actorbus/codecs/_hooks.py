"""Values that msgspec does not know: pydantic models, and classes that have a converter.

Pydantic is never imported: a model brings its own methods.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from actorbus.codecs._conversion import Converter


def is_model(kind: object) -> bool:
    """Return whether this is a pydantic model class."""
    return isinstance(kind, type) and callable(getattr(kind, "model_validate_json", None))


class Hooks:
    """msgspec's `enc_hook` and `dec_hook`, with the converters of one bus."""

    def __init__(self, converters: Iterable[Converter] = ()) -> None:
        self._converters = {converter.kind: converter for converter in converters}

    def knows(self, kind: object) -> bool:
        """Return whether bodies convert to this class although msgspec does not know it."""
        return is_model(kind) or kind in self._converters

    def encode(self, value: Any) -> Any:
        """Return plain data for a value."""
        kind = type(value)
        for base in kind.__mro__:
            if (converter := self._converters.get(base)) is not None:
                return converter.to_plain(value)
        if is_model(kind):
            return value.model_dump(mode="json", by_alias=True)
        raise NotImplementedError(f"no wire form for {kind.__qualname__}")

    def decoder(self, *, strict: bool) -> Callable[[Any, Any], Any]:
        """Return what makes a value of a type from plain data."""

        def decode(kind: Any, data: Any) -> Any:
            if (converter := self._converters.get(kind)) is not None:
                return _made(converter, data)
            if is_model(kind):
                return _validated(kind, data, strict=strict)
            raise NotImplementedError(f"nothing converts to {kind!r}")

        return decode


def _made(converter: Converter, data: Any) -> Any:
    try:
        return converter.from_plain(data)
    except Exception as error:
        # msgspec adds the path to a ValueError, and lets others through without it
        name = converter.kind.__qualname__
        raise ValueError(f"no {name}: {type(error).__name__}: {error}") from error


def _validated(model: Any, data: Any, *, strict: bool) -> Any:
    """Validate by the JSON form: in strict mode only that takes a date from text."""
    return model.model_validate_json(msgspec.json.encode(data), strict=strict)
