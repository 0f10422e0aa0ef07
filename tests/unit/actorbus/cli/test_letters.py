"""How dead letters are read and mended, whatever their bodies hold."""

import msgspec
import pytest

from actorbus.cli._errors import CommandFailed
from actorbus.cli._letters import as_json, mend, readable_body
from tests.unit.actorbus.cli.test_selection import letter


def with_body(body, content_type):
    return msgspec.structs.replace(letter(1), body=body, content_type=content_type)


class Letters:
    """One letter; remembers what it was edited to."""

    def __init__(self, row):
        self.row = row
        self.edits = []

    async def show(self, copy_id):
        return self.row

    async def edit(self, copy_id, *, body, headers, check):
        self.edits.append((copy_id, body, headers))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'{"a": 1}', "application/json"), (msgspec.msgpack.encode({"a": 1}), "application/msgpack")],
)
def test_a_body_is_shown_as_what_it_says(body, content_type):
    assert {"a": 1} == readable_body(with_body(body, content_type))


def test_of_a_body_that_is_large_or_says_nothing_only_the_beginning_is_shown():
    large = readable_body(with_body(b"\xc0" * 2_000_000, "application/msgpack"))
    wrong = readable_body(with_body(b"\xc1" * 500_000, "application/msgpack"))

    assert large["too large to be shown"] == 2_000_000
    assert [len(shown["bytes"]) for shown in (large, wrong)] == [2_000, 2_000]


@pytest.mark.parametrize("content_type", ["application/json", "text/klingon"])
def test_a_body_that_says_nothing_is_shown_as_its_bytes(content_type):
    shown = readable_body(with_body(b"\xff\x00", content_type))

    assert "ff00" == shown["bytes"]
    assert shown["undecodable"]


def test_times_are_shown_in_utc():
    assert "1970-01-01T00:00:00.000+00:00" == as_json(letter(1))["died_at"]


async def test_a_new_body_is_written_in_the_letters_own_content_type():
    letters = Letters(with_body(b"\x80", "application/msgpack"))

    await mend(letters, "copy-1", '{"a": 2}', {}, check=True)

    assert [("copy-1", msgspec.msgpack.encode({"a": 2}), None)] == letters.edits


async def test_a_header_is_set_beside_those_that_were_there():
    letters = Letters(letter(1, tenant="acme"))

    await mend(letters, "copy-1", None, {"kind": "b"}, check=True)

    assert [("copy-1", None, {"tenant": "acme", "kind": "b"})] == letters.edits


async def test_a_body_that_is_no_json_changes_nothing():
    letters = Letters(letter(1))

    with pytest.raises(CommandFailed, match="not JSON"):
        await mend(letters, "copy-1", "{oops", {}, check=True)

    assert [] == letters.edits
