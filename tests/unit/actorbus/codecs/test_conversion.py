"""Strict and lax conversion, fields that are unknown or missing, converters of the user's own."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from actorbus.codecs import (
    Codecs,
    Conversion,
    Converter,
    NotConvertible,
    codec_for,
    is_flat,
    unsupported_parts,
)
from actorbus.codecs._hooks import Hooks
from actorbus.messages._message import JSON, MSGPACK

FORMATS = (MSGPACK, JSON)
LAX = Conversion(strict=False, unknown_fields="ignore")


@dataclass(frozen=True)
class Line:
    product: str
    price: int = 1


@dataclass(frozen=True)
class Order:
    number: int
    lines: tuple[Line, ...] = ()
    by_name: dict[str, Line] = field(default_factory=dict)
    gift: Line | None = None


@attrs.frozen
class Parcel:
    weight: int = attrs.field(validator=attrs.validators.gt(0))
    line: Line | None = None


class Invoice(msgspec.Struct, frozen=True, rename="camel"):
    order_number: int
    line: Line | None = None


class Forbidding(msgspec.Struct, forbid_unknown_fields=True):
    number: int


class Money(pydantic.BaseModel):
    amount: int
    currency: str = "EUR"


class Paid(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)

    order_number: int = pydantic.Field(alias="orderNumber")
    money: Money | None = None


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")

    number: int


class Closed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    number: int


class Note(TypedDict):
    text: str
    line: NotRequired[Line]


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    tricks: int


@dataclass
class Owner:
    pet: Cat | Dog


def read(kind, data, conversion=None, wire_format=MSGPACK, codecs=None):
    codec = (codecs or Codecs())[wire_format]
    return codec.decoder(kind, conversion or Conversion())(codec.encode(data))


def refusal(kind, data, conversion=None, wire_format=MSGPACK, codecs=None):
    with pytest.raises(NotConvertible) as caught:
        read(kind, data, conversion, wire_format, codecs)
    return str(caught.value)


UNKNOWN = [
    (Order, {"number": 1, "numbr": 2}, "numbr", "; did you mean 'number'?"),
    (Order, {"number": 1, "zz": 2}, "zz", ""),
    (Order, {"number": 1, "lines": [{"product": "a"}, {"product": "b", "x": 1}]}, "lines[1].x", ""),
    (Order, {"number": 1, "by_name": {"a": {"product": "a", "x": 1}}}, "by_name.a.x", ""),
    (Order, {"number": 1, "gift": {"product": "a", "x": 1}}, "gift.x", ""),
    (Parcel, {"weight": 1, "line": {"product": "a", "x": 1}}, "line.x", ""),
    (Invoice, {"orderNumber": 1, "line": {"product": "a", "x": 1}}, "line.x", ""),
    (Invoice, {"orderNumber": 1, "order_number": 1}, "order_number", "; did you mean"),
    (Forbidding, {"number": 1, "x": 1}, "x", ""),
    (Paid, {"orderNumber": 1, "x": 1}, "x", ""),
    (Paid, {"orderNumber": 1, "money": {"amount": 1, "x": 1}}, "money.x", ""),
    (Closed, {"number": 1, "x": 1}, "x", ""),
    (Note, {"text": "a", "x": 1}, "x", ""),
    (Note, {"text": "a", "line": {"product": "a", "x": 1}}, "line.x", ""),
    (Owner, {"pet": {"type": "Dog", "tricks": 1, "lives": 9}}, "pet.lives", ""),
]


@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize(("kind", "data", "path", "hint"), UNKNOWN)
def test_an_unknown_field_is_refused_by_its_path(kind, data, path, hint, wire_format):
    text = refusal(kind, data, wire_format=wire_format)

    assert text.startswith(f"field {path!r} is unknown{hint}")


KNOWN = [case for case in UNKNOWN if case[0] not in {Forbidding, Closed}]


@pytest.mark.parametrize(("kind", "data", "path", "hint"), KNOWN)
def test_it_is_ignored_where_that_was_chosen(kind, data, path, hint):
    assert read(kind, data, Conversion(unknown_fields="ignore")) is not None
    assert read(kind, data, LAX) is not None


def test_a_class_that_forbids_or_allows_others_itself_is_heeded():
    assert "field 'x' is unknown" in refusal(Forbidding, {"number": 1, "x": 1}, LAX)
    assert "field 'x' is unknown" in refusal(Closed, {"number": 1, "x": 1}, LAX)
    assert read(Open, {"number": 1, "x": 1}).model_extra == {"x": 1}


@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize(
    ("kind", "data", "path"),
    [
        (Order, {}, "number"),
        (Order, {"number": 1, "lines": [{"product": "a"}, {}]}, "lines[1].product"),
        (Parcel, {}, "weight"),
        (Invoice, {}, "orderNumber"),
        (Paid, {"orderNumber": 1, "money": {}}, "money.amount"),
        (Note, {}, "text"),
    ],
)
def test_a_missing_field_is_named_by_its_path(kind, data, path, wire_format):
    assert refusal(kind, data, wire_format=wire_format) == f"field {path!r} is missing"


@pytest.mark.parametrize("kind", [Order, Parcel, Invoice, Paid, Note])
def test_a_body_of_another_shape_is_refused_as_a_whole(kind):
    assert refusal(kind, [1, 2]).startswith("the body: ")


@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (Order, {"number": "3"}, Order(3)),
        (Parcel, {"weight": "3"}, Parcel(3)),
        (Invoice, {"orderNumber": "3"}, Invoice(3)),
        (Paid, {"orderNumber": "3"}, Paid(orderNumber=3)),
    ],
)
def test_lax_conversion_takes_a_number_from_text_and_strict_does_not(
    kind, data, message, wire_format
):
    assert read(kind, data, LAX, wire_format) == message
    assert "(value: '3')" in refusal(kind, data, wire_format=wire_format)


def test_lax_conversion_loses_nothing():
    assert "number" in refusal(Order, {"number": "three"}, LAX)
    assert "number" in refusal(Order, {"number": 3.5}, LAX)


def test_validators_of_attrs_are_asked():
    assert "'weight' must be > 0" in refusal(Parcel, {"weight": 0})


def test_an_alias_of_a_model_survives_the_way_there_and_back():
    assert read(Paid, Paid(orderNumber=3, money=Money(amount=1))).order_number == 3


def test_a_model_that_is_read_by_its_alias_only_is_written_by_it():
    class Sealed(pydantic.BaseModel):
        number: int = pydantic.Field(alias="orderNumber")

    assert read(Sealed, Sealed(orderNumber=3)) == Sealed(orderNumber=3)


def test_a_nested_subclass_that_would_lose_its_fields_is_refused():
    @dataclass(frozen=True)
    class Special(Line):
        ribbon: str = "red"

    assert refusal(Order, Order(1, gift=Special("a"))) == "field 'gift.ribbon' is unknown"


def test_only_a_type_without_nested_objects_cannot_have_unknown_fields():
    assert is_flat(Line)
    assert not any(is_flat(kind) for kind in (Order, Parcel, Invoice, Money, Note, object))


# -- converters -----------------------------------------------------------------------------


class Coordinates:
    def __init__(self, north: float, east: float) -> None:
        self.north, self.east = north, east

    def __eq__(self, other):
        return isinstance(other, Coordinates) and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.north, self.east))

    @classmethod
    def parse(cls, text: str) -> "Coordinates":
        north, east = text.split(",")
        return cls(float(north), float(east))


class Exact(Coordinates):
    pass


@dataclass
class Trip:
    start: Coordinates
    stops: list[Coordinates] = field(default_factory=list)
    day: date | None = None
    fare: Decimal | None = None


COORDINATES = Converter(Coordinates, lambda place: f"{place.north},{place.east}", Coordinates.parse)
CODECS = Codecs([COORDINATES])


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_converter_is_used_wherever_its_class_is_met(wire_format):
    trip = Trip(Coordinates(1, 2), [Coordinates(3, 4)], date(2013, 1, 1), Decimal("2.50"))
    codec = CODECS[wire_format]

    assert read(Trip, trip, wire_format=wire_format, codecs=CODECS) == trip
    assert codec.plain(codec.encode(trip))["start"] == "1,2"


def test_what_a_converter_raises_is_a_refusal_with_the_path():
    text = refusal(Trip, {"start": "1,2", "stops": ["3,4", "here"]}, codecs=CODECS)

    assert text.startswith("field 'stops[1]': no Coordinates: ValueError: not enough values")
    assert text.endswith("(value: 'here')")


def test_a_converter_that_returns_another_type_is_a_refusal():
    codecs = Codecs([Converter(Coordinates, str, lambda text: text)])

    assert "field 'start': Expected `Coordinates`, got `str`" in refusal(
        Trip, {"start": "1,2"}, codecs=codecs
    )


def test_an_instance_of_a_subclass_is_written_as_its_parent_is():
    assert read(Trip, Trip(Exact(1, 2)), codecs=CODECS).start == Coordinates(1, 2)


def test_without_a_converter_the_type_is_unsupported_and_with_it_it_is_not():
    assert "field 'start': nothing converts to Coordinates" in unsupported_parts(Trip)
    assert unsupported_parts(Trip, Hooks([COORDINATES])) == []


def test_a_content_type_may_have_parameters():
    assert codec_for("application/json; charset=utf-8") is codec_for("Application/JSON")
    assert codec_for("application/msgpack; version=3").content_type == MSGPACK
    with pytest.raises(ValueError, match="version is a whole number from 1 on"):
        codec_for("application/json; version=new")


def test_anything_may_be_read_as_anything():
    data: Any = {"a": [1, {"b": None}]}

    assert read(Any, data) == read(object, data) == read(dict, data) == data
