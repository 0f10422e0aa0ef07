"""Ids, and the headers that handlers see."""

import uuid
from types import SimpleNamespace

import pytest

from actorbus.messages._message import Headers, headers_to_text, new_id


def test_ids_are_uuids_of_version_7():
    parsed = uuid.UUID(new_id())

    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122


def test_ids_differ_and_begin_with_their_time():
    ids = [new_id() for _ in range(1000)]

    assert len(set(ids)) == 1000
    assert [text[:12] for text in ids] == sorted(text[:12] for text in ids)


def stored(**changes):
    fields = {
        "copy_id": "c",
        "message_id": "m",
        "type_name": "shop.Placed",
        "content_type": "application/msgpack",
        "headers": '{"tenant":"acme"}',
        "correlation_id": "first",
        "causation_id": None,
        "timestamp": 1.5,
        "endpoint": "shop.confirm",
        "tenant": "",
    }
    return SimpleNamespace(**{**fields, **changes})


def test_headers_are_the_users_by_name_and_the_buss_as_attributes():
    headers = Headers.of(stored(), attempt=3)

    assert dict(headers) == {"tenant": "acme"}
    assert (headers.id, headers.copy_id, headers.attempt) == ("m", "c", 3)
    assert (headers.correlation_id, headers.causation_id) == ("first", "")


def test_headers_are_parsed_only_when_they_are_looked_at():
    headers = Headers.of(stored(headers="not json"), attempt=1)

    assert headers.id == "m"
    with pytest.raises(ValueError, match="JSON"):
        len(headers)


def test_the_text_of_headers_is_a_json_object():
    assert headers_to_text({}) == "{}"
    assert headers_to_text({"b": "2", "a": "1"}) == '{"a":"1","b":"2"}'
    assert Headers(id="m", user={"a": "ü"}).text == '{"a":"ü"}'
