"""Content types: which wire format a body has, and which version of its message type.

`application/msgpack; version=2` is the second version of a type; without the parameter it is the
first. Other parameters, like a charset, say nothing that matters here.
"""

import re

from actorbus.messages._message import JSON, MSGPACK

FORMATS = (MSGPACK, JSON)
FIRST_VERSION = 1
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def with_version(wire_format: str, version: int) -> str:
    """Return the content type of a body in this format and version."""
    return wire_format if version == FIRST_VERSION else f"{wire_format}; version={version}"


def parsed(content_type: str) -> tuple[str, int]:
    """Return wire format and version. Raises ValueError for what this bus does not read."""
    first, *parameters = (part.strip() for part in content_type.split(";"))
    wire_format = first.lower()
    if wire_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"no codec for content type {content_type!r} (known: {known})")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "version":
            return wire_format, _version(value.strip(), content_type)
    return wire_format, FIRST_VERSION


def _version(text: str, content_type: str) -> int:
    if _VERSION.fullmatch(text) is None:
        raise ValueError(f"content type {content_type!r}: version is a whole number from 1 on")
    return int(text)
