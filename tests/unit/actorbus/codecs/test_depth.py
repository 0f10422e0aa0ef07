"""Depth and size: found before a message is made, with the path, whatever the nesting."""

from dataclasses import dataclass, field
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.codecs import Codecs, Limits, NotConvertible, too_large
from actorbus.codecs._depth import depth_check
from actorbus.codecs._inspection import is_bounded
from actorbus.messages._message import JSON, MSGPACK

FORMATS = (MSGPACK, JSON)
ENCODE = {MSGPACK: msgspec.msgpack.encode, JSON: msgspec.json.encode}


@dataclass
class Flat:
    number: int
    tags: list[str] = field(default_factory=list)


@dataclass
class Loose:
    anything: Any


@dataclass
class Tree:
    children: "list[Tree]" = field(default_factory=list)


def depth_of(data):
    if isinstance(data, dict):
        return 1 + max(map(depth_of, data.values()), default=0)
    if isinstance(data, list):
        return 1 + max(map(depth_of, data), default=0)
    return 0


def at(data, path):
    """The value that a path like `.a[0].b` leads to."""
    for step in path.replace("]", "").replace("[", ".[").split(".")[1:]:
        data = data[int(step[1:])] if step.startswith("[") else data[step]
    return data


NAMES = st.text("abcdefgh", min_size=1, max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(["[[[[", '{"a":', '"\\"[', "x" * 300, "\u00e9" * 200])
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(NAMES, inner, max_size=20),
    max_leaves=60,
)


@pytest.mark.parametrize("wire_format", FORMATS)
@given(data=DATA, most=st.integers(1, 6))
def test_a_body_is_too_deep_if_and_only_if_it_is(wire_format, data, most):
    found = depth_check(wire_format, most)(ENCODE[wire_format](data))

    assert (found is not None) == (depth_of(data) > most)


@pytest.mark.parametrize("wire_format", FORMATS)
@given(data=DATA, most=st.integers(1, 6))
def test_the_path_leads_to_the_first_level_that_is_too_deep(wire_format, data, most):
    path = depth_check(wire_format, most)(ENCODE[wire_format](data))

    if path is not None:
        assert path.count(".") + path.count("[") == most
        assert isinstance(at(data, path), dict | list)


@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_body_are_left_to_the_decoder(body):
    for wire_format in FORMATS:
        found = depth_check(wire_format, 1)(body)
        assert found is None or isinstance(found, str)


@given(data=DATA, cut=st.integers(0, 400))
def test_a_truncated_body_is_too_deep_only_if_what_is_there_is(data, cut):
    body = msgspec.msgpack.encode(data)[:cut]
    found = depth_check(MSGPACK, 3)(body)

    assert found is None or depth_of(data) > 3


def test_every_form_that_msgpack_has_is_skipped_over():
    """Written by another library, with the widths that ours would not choose."""
    packer = msgpack.Packer()
    wide = [
        *(b"\xcc\x91", b"\xcd\x91\x91", b"\xce" + b"\x91" * 4, b"\xcf" + b"\x91" * 8),
        *(b"\xd0\x91", b"\xd1\x91\x91", b"\xd2" + b"\x91" * 4, b"\xd3" + b"\x91" * 8),
        *(b"\xca" + b"\x91" * 4, b"\xcb" + b"\x91" * 8, b"\xe0", b"\x7f", b"\xc2"),
        *(b"\xd9\x01\x91", b"\xda\x00\x01\x91", b"\xdb\x00\x00\x00\x01\x91"),
        *(b"\xc4\x01\x91", b"\xc5\x00\x01\x91", b"\xc6\x00\x00\x00\x01\x91"),
        *(b"\xd4\x01\x91", b"\xd5\x01\x91\x91", b"\xd6\x01" + b"\x91" * 4),
        *(b"\xd7\x01" + b"\x91" * 8, b"\xd8\x01" + b"\x91" * 16),
        *(b"\xc7\x01\x05\x91", b"\xc8\x00\x01\x05\x91", b"\xc9\x00\x00\x00\x01\x05\x91"),
        packer.pack({"a": b"\x91" * 70_000}),
        b"\xdc\x00\x01\xc0",
        b"\xdd\x00\x00\x00\x01\xc0",
        b"\xde\x00\x01\xa1a\xc0",
        b"\xdf\x00\x00\x00\x01\xa1a\xc0",
    ]
    body = b"\xdc" + len(wide).to_bytes(2) + b"".join(wide)

    assert len(msgpack.unpackb(body, raw=True)) == len(wide)
    assert depth_check(MSGPACK, 2)(body) is None
    assert depth_check(MSGPACK, 1)(body) == f"[{len(wide) - 5}]"


@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize("kind", [Any, dict, Loose, Tree, Flat])
def test_ten_thousand_levels_are_refused_with_the_limit(wire_format, kind):
    """Also in a field that the type does not have, which a decoder only skips."""
    opening, end = {MSGPACK: (b"\x91", b"\xc0"), JSON: (b"[", b"1" + b"]" * 10_000)}[wire_format]
    field_of = {MSGPACK: b"\x81\xa8anything", JSON: b'{"anything":'}[wire_format]
    last = {MSGPACK: b"", JSON: b"}"}[wire_format]
    body = field_of + opening * 10_000 + end + last
    codec = Codecs(limits=Limits(depth=5))[wire_format]

    with pytest.raises(NotConvertible) as caught:
        codec.decoder(kind)(body)

    assert str(caught.value) == (
        "field 'anything[0][0][0][0]': nested deeper than the 5 levels of max_message_depth"
    )


@pytest.mark.parametrize("wire_format", FORMATS)
def test_as_many_levels_as_are_allowed_are_read(wire_format):
    codec = Codecs(limits=Limits(depth=3))[wire_format]

    assert codec.decoder(Any)(codec.encode([[[1]]])) == [[[1]]]
    with pytest.raises(NotConvertible, match="deeper than the 3 levels"):
        codec.decoder(Any)(codec.encode([[[[1]]]]))


def test_a_type_that_limits_its_own_depth_is_not_measured():
    assert is_bounded(Flat)
    assert is_bounded(dict[str, list[int]])
    assert not any(map(is_bounded, (Any, dict, list, object, Loose, Tree)))


def test_a_long_list_of_flat_things_is_not_deep():
    codec = Codecs(limits=Limits(depth=5))[MSGPACK]
    many = [[number] for number in range(10_000)]

    assert codec.decoder(Any)(codec.encode(many)) == many


def test_what_is_nested_in_itself_cannot_be_written():
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(NotConvertible, match="list is nested too deep, or in itself"):
        Codecs()[MSGPACK].encode(endless)


@pytest.mark.parametrize("wire_format", FORMATS)
def test_a_body_that_is_too_large_is_not_looked_at(wire_format):
    codec = Codecs(limits=Limits(bytes=100))[wire_format]

    with pytest.raises(NotConvertible) as caught:
        codec.decoder(Flat)(b"\xc1" * 101)

    assert str(caught.value) == too_large(101, 100)
    assert too_large(1_000_000, 100) == (
        "the body is 1,000,000 bytes, more than the 100 of max_message_bytes"
    )
