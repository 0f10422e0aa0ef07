"""Pydantic models in bodies. Pydantic is never imported: a model brings its own methods."""

from typing import Any

import msgspec


def is_model(kind: object) -> bool:
    """Return whether this is a pydantic model class."""
    return isinstance(kind, type) and callable(getattr(kind, "model_validate_json", None))


def encode_foreign(value: Any) -> Any:
    """Return plain data for a value that msgspec does not know; its `enc_hook`."""
    if is_model(type(value)):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"no wire form for {type(value).__qualname__}")


def decode_foreign(kind: Any, data: Any) -> Any:
    """Return a value of a type that msgspec does not know; its `dec_hook`.

    In pydantic's strict mode only its JSON form takes a date from text, hence the detour.
    """
    if is_model(kind):
        return kind.model_validate_json(msgspec.json.encode(data), strict=True)
    raise NotImplementedError(f"nothing converts to {kind!r}")
