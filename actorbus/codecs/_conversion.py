"""How willingly a body is converted, and what it may weigh: settings of a bus or a handler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Strictness = Literal["strict", "lax"]
UnknownFields = Literal["refuse", "ignore"]
STRICTNESS: tuple[Strictness, ...] = ("strict", "lax")
UNKNOWN_FIELDS: tuple[UnknownFields, ...] = ("refuse", "ignore")

DEEPEST_LIMIT = 500
"""The most that `max_message_depth` may be: Python's own stack ends at about a thousand levels."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How bodies become messages.

    Strict: "3" is not 3. Lax: text, numbers and booleans are turned into each other where nothing
    is lost. A field that the type does not have is refused, with its path, or ignored.
    """

    strict: bool = True
    unknown_fields: UnknownFields = "refuse"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes a body may have, and how many levels of lists and mappings."""

    bytes: int = 1_048_576
    depth: int = 100


@dataclass(frozen=True, slots=True)
class Converter:
    """What a program knows about a class of its own: its form as plain data, and the way back."""

    kind: type
    to_plain: Callable[[Any], Any]
    from_plain: Callable[[Any], Any]
