"""A fuzzer of bodies: takes good ones apart, and keeps some of what comes out as the corpus.

python -m tests.unit.actorbus.codecs.fuzzing            writes the corpus anew, the same each time
python -m tests.unit.actorbus.codecs.fuzzing 100000 7   tries so many bodies from a seed, keeps none

A body's file is named by what was done to it: `whole` ones are to be read, `truncated`, `deep` and
`claiming` ones to be refused, and `mutated` ones may be either. None may do anything else.
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import attrs
import msgspec
import pydantic

from actorbus.codecs import Codecs, Converter, Limits, NotConvertible
from actorbus.messages._message import JSON, MSGPACK

CORPUS = Path(__file__).with_name("corpus")
SEED = 20130101
KEPT = 60
MOST_BYTES = 2_000
FORMATS = {"msgpack": MSGPACK, "json": JSON}


@dataclass(frozen=True)
class Line:
    product: str
    price: Decimal
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    number: int
    lines: tuple[Line, ...] = ()
    at: datetime | None = None
    ratio: float = 1.5
    raw: bytes = b""


@attrs.frozen
class Parcel:
    weight: int = attrs.field(validator=attrs.validators.gt(0))
    tags: frozenset[str] = frozenset()


class Tree(msgspec.Struct, frozen=True):
    name: str
    children: list["Tree"] = []


class Paid(pydantic.BaseModel):
    number: int
    at: datetime
    parts: list[int] = []


class Note(TypedDict):
    text: str
    anything: NotRequired[Any]


class Place:
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def parse(cls, data: Any) -> "Place":
        return cls(data["name"])


@dataclass(frozen=True)
class Trip:
    start: Place
    stops: list[Place] = field(default_factory=list)


NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
MESSAGES: list[Any] = [
    Order(7, (Line("tea", Decimal("2.50"), {"size": "large"}),), NOON, 0.25, b"\x00\xff"),
    Parcel(3, frozenset({"fragile"})),
    Tree("a", [Tree("b", [Tree("c")]), Tree("d")]),
    Paid(number=1, at=NOON, parts=[1, 2]),
    {"text": "hello", "anything": [1, None, {"deep": [[True]]}]},
    Trip(Place("here"), [Place("there")]),
]
TYPES: list[Any] = [Order, Parcel, Tree, Paid, Note, Trip, dict, Any]
CODECS = Codecs([Converter(Place, vars, Place.parse)], Limits(bytes=10_000, depth=20))


def whole(rng: random.Random, wire_format: str) -> bytes:
    return CODECS[wire_format].encode(rng.choice(MESSAGES))


def truncated(rng: random.Random, wire_format: str) -> bytes:
    body = whole(rng, wire_format)
    return body[: rng.randrange(len(body))]


def deep(rng: random.Random, wire_format: str) -> bytes:
    opening = {MSGPACK: [b"\x91", b"\x81\xa1a"], JSON: [b"[", b'{"a":']}[wire_format]
    levels = [rng.choice(opening) for _ in range(rng.randrange(21, 400))]
    if wire_format == MSGPACK:
        return b"".join(levels) + b"\xc0"
    ends = [b"]" if level == b"[" else b"}" for level in reversed(levels)]
    return b"".join([*levels, b"null", *ends])


def claiming(rng: random.Random, wire_format: str) -> bytes:
    """More items or bytes than there are, by far: nothing may be set aside for them."""
    lead = rng.choice([b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"])
    claim = lead + rng.randrange(2**20, 2**32).to_bytes(4) + rng.randbytes(8)
    return claim if wire_format == MSGPACK else b"[" + b"9" * rng.randrange(5_000, 6_000)


def mutated(rng: random.Random, wire_format: str) -> bytes:
    body = bytearray(whole(rng, wire_format))
    for _ in range(rng.randrange(1, 6)):
        rng.choice(_CHANGES)(rng, body)
    return bytes(body)


def _flip(rng: random.Random, body: bytearray) -> None:
    if body:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, body: bytearray) -> None:
    if body:
        body[rng.randrange(len(body))] = rng.choice(_INTERESTING)


def _insert(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = bytes(rng.choice(_INTERESTING) for _ in range(rng.randrange(1, 9)))


def _remove(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body) + 1)
    del body[at : at + rng.randrange(1, 9)]


def _repeat(rng: random.Random, body: bytearray) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = body[at : at + rng.randrange(1, 40)] * rng.randrange(1, 4)


_INTERESTING = (
    bytes((*range(0x7F, 0x92), *range(0xA0, 0xA4), *range(0xC0, 0xE1))) + b'[]{}",:\\-e9.'
)
_CHANGES = (_flip, _set, _insert, _remove, _repeat)

Maker = Callable[[random.Random, str], bytes]
MAKERS: dict[str, Maker] = {
    "whole": whole,
    "truncated": truncated,
    "deep": deep,
    "claiming": claiming,
    "mutated": mutated,
}


def outcomes(wire_format: str, body: bytes) -> Iterator[Any]:
    """What each type makes of a body: a message, or the refusal."""
    for kind in TYPES:
        try:
            yield CODECS[wire_format].decoder(kind)(body)
        except NotConvertible as refused:
            yield refused


def bodies(seed: int, count: int) -> Iterator[tuple[str, str, bytes]]:
    """Name, file suffix and bytes of bodies; the same ones for a seed."""
    rng = random.Random(seed)
    for number in range(count):
        suffix = rng.choice(list(FORMATS))
        name = rng.choice(["mutated", *MAKERS])
        yield f"{name}-{number:03}", suffix, MAKERS[name](rng, FORMATS[suffix])[:MOST_BYTES]


def write_corpus() -> None:
    CORPUS.mkdir(exist_ok=True)
    for name, suffix, body in bodies(SEED, KEPT):
        (CORPUS / f"{name}.{suffix}").write_bytes(body)


def attempt(count: int, seed: int) -> None:
    """Try bodies; one that does anything but convert or be refused ends the program."""
    for name, suffix, body in bodies(seed, count):
        try:
            for _ in outcomes(FORMATS[suffix], body):
                pass
        except BaseException:
            print(f"{name}.{suffix}: {body!r}")
            raise


if __name__ == "__main__":
    if len(sys.argv) > 1:
        attempt(int(sys.argv[1]), int(sys.argv[2]))
    else:
        write_corpus()
