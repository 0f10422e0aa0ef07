"""A hash that is the same in every process, and slots that move as little as they can.

Keys fall into slots; each slot belongs to the routee with the highest weight for it (rendezvous
hashing, Thaler and Ravishankar 1998). A routee that comes takes its share from all others, one that
goes leaves its slots to all others, and no other slot moves.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

SLOTS: Final = 1024
"""How many slots there are: a pool of more routees leaves some without work."""

_WEIGHTS_PER_DIGEST: Final = 8


def stable_hash(key: Any) -> int:
    """Return 64 bits that depend on the key alone, whatever PYTHONHASHSEED is.

    Keys may be text, bytes, numbers, booleans, None, UUIDs, enum members and tuples of these. Keys
    that are equal hash alike, as far as they are of one type: 1 and 1.0 and True do not.

    Raises:
        TypeError: the key is something else

    """
    return int.from_bytes(blake2b(_encoded(key), digest_size=8).digest(), "big")


def _encoded(key: Any) -> bytes:  # one kind of key a line
    match key:
        case str():
            return b"s" + key.encode("utf-8", "surrogatepass")
        case bytes():
            return b"b" + key
        case Enum():
            return b"e" + _encoded((type(key).__qualname__, key.name))
        case bool() | int() | float() | None:
            return type(key).__name__.encode() + repr(key).encode()
        case uuid.UUID():
            return b"u" + key.bytes
        case tuple():
            parts = [_encoded(part) for part in key]
            return b"t" + b"".join(struct.pack(">I", len(part)) + part for part in parts)
        case _:
            raise TypeError(
                f"key {key!r} is not allowed: give text, bytes, a number, a UUID, an enum member, "
                "or a tuple of these"
            )


def slot_of(key: Any) -> int:
    """Return the slot that a key falls into."""
    return stable_hash(key) % SLOTS


def assign(names: Iterable[str]) -> list[str]:
    """Return which routee each slot belongs to; the order of the names does not matter.

    Raises:
        ValueError: there is no name

    """
    ordered = sorted(names)
    weights = [_weights(name) for name in ordered]
    best = (max(range(len(ordered)), key=lambda one: weights[one][slot]) for slot in range(SLOTS))
    return [ordered[index] for index in best]


@lru_cache(maxsize=4096)
def _weights(name: str) -> tuple[int, ...]:
    """Return the weight of a routee for each slot."""
    weights: list[int] = []
    for block in range(SLOTS // _WEIGHTS_PER_DIGEST):
        digest = blake2b(f"{block}:{name}".encode(), digest_size=8 * _WEIGHTS_PER_DIGEST).digest()
        weights += struct.unpack(f">{_WEIGHTS_PER_DIGEST}Q", digest)
    return tuple(weights)
