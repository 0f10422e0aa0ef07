"""Bodies convert strictly, and a refusal names the field and its value."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.codecs import (
    Conversion,
    NotConvertible,
    codec_for,
    field_names,
    is_plain,
    known_content_types,
    unsupported_parts,
)

MSGPACK, JSON = "application/msgpack", "application/json"


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Line:
    product: str
    price: Decimal


@dataclass(frozen=True)
class Order:
    number: int
    lines: tuple[Line, ...] = ()
    at: datetime | None = None
    notes: dict[str, str] = field(default_factory=dict)
    colour: Colour = Colour.RED


@attrs.frozen
class Shipped:
    number: int
    weight: float = 1.5


class Packed(msgspec.Struct, frozen=True):
    number: int


class Paid(pydantic.BaseModel):
    number: int
    at: datetime


class Note(TypedDict):
    text: str
    stars: NotRequired[int]


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Receipt:
    paid: Paid


NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
MESSAGES = [
    Order(1, (Line("tea", Decimal("2.50")),), NOON, {"a": "b"}),
    Shipped(2),
    Packed(3),
    Paid(number=4, at=NOON),
    Receipt(Paid(number=5, at=NOON)),
    Point(1, 2),
]


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_kind_of_message_comes_back_as_it_was(content_type, message):
    codec = codec_for(content_type)

    assert codec.decoder(type(message))(codec.encode(message)) == message


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_a_typed_dict_comes_back_as_it_was(content_type):
    codec = codec_for(content_type)

    assert codec.decoder(Note)(codec.encode({"text": "hi"})) == {"text": "hi"}


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)


def around(inner):
    return inner | st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)


PLAIN = around(around(around(LEAVES)))
"""Three levels deep. Not `st.recursive`, which counts leaves beside the choices that it draws."""


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
@given(data=PLAIN)
def test_plain_data_survives(content_type, data):
    codec = codec_for(content_type)

    assert codec.decoder(Any)(codec.encode(data)) == data


def refusal(kind, data):
    codec = codec_for(MSGPACK)
    with pytest.raises(NotConvertible) as caught:
        codec.decoder(kind)(codec.encode(data))
    return str(caught.value)


def test_a_refusal_names_the_field_and_its_value():
    assert refusal(Order, {"number": "three"}) == (
        "field 'number': Expected `int`, got `str` (value: 'three')"
    )


def test_a_refusal_names_the_path_to_a_nested_field():
    data = {"number": 1, "lines": [{"product": "tea", "price": "1"}, {"product": 7, "price": "1"}]}

    assert refusal(Order, data) == (
        "field 'lines[1].product': Expected `str`, got `int` (value: 7)"
    )


def test_a_missing_field_is_named():
    assert refusal(Order, {}) == "field 'number' is missing"


def test_text_is_not_a_number():
    assert "Expected `int`, got `str`" in refusal(Order, {"number": "3"})


def test_a_pydantic_model_is_converted_strictly_and_names_all_fields():
    text = refusal(Paid, {"number": "4", "at": 3})

    assert "field 'number': Input should be a valid integer (value: '4')" in text
    assert "field 'at'" in text


def test_a_nested_model_that_refuses_is_explained_too():
    text = refusal(Receipt, {"paid": {"number": "x", "at": "2013-01-01T00:00:00Z"}})

    assert text.startswith("field 'paid.number': Input should be a valid integer")


def test_a_long_value_is_cut():
    text = refusal(Order, {"number": "x" * 1000})

    assert len(text) < 200


def test_an_error_that_a_class_raises_itself_is_a_refusal():
    @dataclass
    class Positive:
        number: int

        def __post_init__(self):
            if self.number < 0:
                raise KeyError("negative")

    assert "negative" in refusal(Positive, {"number": -1})


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\xff\x00", b"{"])
@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
def test_bytes_that_are_no_body_are_refused(content_type, body):
    with pytest.raises(NotConvertible):
        codec_for(content_type).decoder(Order)(body)


@given(body=st.binary(max_size=60))
def test_no_bytes_do_anything_but_convert_or_be_refused(body):
    for content_type in known_content_types():
        try:
            result = codec_for(content_type).decoder(Order)(body)
        except NotConvertible:
            continue
        assert isinstance(result, Order)


def test_what_has_no_wire_form_cannot_be_written():
    unwritable: Any = object()
    with pytest.raises(NotConvertible, match="Order cannot be written: no wire form for object"):
        codec_for(MSGPACK).encode(Order(1, (unwritable,)))


def test_a_field_that_a_newer_sender_added_is_refused_or_ignored_as_was_chosen():
    codec = codec_for(MSGPACK)
    body = codec.encode({"number": 3, "colour": "red"})

    assert refusal(Packed, {"number": 3, "colour": "red"}) == "field 'colour' is unknown"
    assert codec.decoder(Packed, Conversion(unknown_fields="ignore"))(body) == Packed(3)


def test_an_unknown_content_type_is_named_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"no codec for content type .text.xml. .known: application.m"
    ):
        codec_for("text/xml")


class Socket:
    pass


@dataclass
class Broken:
    good: int
    bad: list[Socket]


@dataclass
class Cyclic:
    children: "list[Cyclic]"


@dataclass
class Misspelt:
    number: "itn"  # type: ignore[name-defined]  # noqa: F821  the mistake that is tested


@pytest.mark.parametrize(
    "kind", [Order, Shipped, Packed, Paid, Receipt, Note, Cyclic, Any, dict, object]
)
def test_types_that_convert_have_no_unsupported_parts(kind):
    assert unsupported_parts(kind) == []


def test_an_unsupported_field_is_named():
    assert unsupported_parts(Broken) == ["field 'bad[...]': nothing converts to Socket"]


def test_a_class_without_fields_of_a_known_kind_is_unsupported():
    assert unsupported_parts(Socket) == ["nothing converts to Socket"]


def test_a_name_that_cannot_be_resolved_is_a_problem_and_no_crash():
    assert unsupported_parts(Misspelt) == ["NameError: name 'itn' is not defined"]


@pytest.mark.parametrize("kind", [dict, dict[str, int], list[int], str, int | str, Any, object])
def test_plain_data_is_told_from_classes(kind):
    assert is_plain(kind)


@pytest.mark.parametrize("kind", [Order, Shipped, Packed, Paid, Note, Point])
def test_classes_are_told_from_plain_data(kind):
    assert not is_plain(kind)


def test_field_names_are_those_of_the_body():
    assert field_names(Shipped) == frozenset({"number", "weight"})
    assert field_names(Paid) == frozenset({"number", "at"})
    assert field_names(dict[str, int]) is None
    assert field_names(object) is None
