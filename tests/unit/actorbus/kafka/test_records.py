"""Messages as records of Kafka's: what is on the wire comes back as it was sent."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus._store import Claimed, Origin, Outgoing
from actorbus.channels.kafka._records import (
    HEADER,
    ForeignRecord,
    foreign_message,
    from_record,
    to_record,
)
from actorbus.messages._message import headers_to_text
from actorbus.testing._store_samples import outgoing

NOW = 1_700_000_000.0
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
optional = st.none() | text
user_headers = st.dictionaries(text | st.just(HEADER), st.text(max_size=20).filter(str.isprintable))
times = st.floats(0, 4e9, allow_nan=False)

messages = st.builds(
    outgoing,
    text,
    copy_id=text,
    endpoint=text,
    message_id=text,
    type_name=text,
    content_type=text,
    headers=user_headers.map(headers_to_text),
    body=st.binary(max_size=50),
    correlation_id=text,
    causation_id=optional,
    timestamp=times,
    tenant=st.just("") | text,
    time_to_live=st.none() | st.floats(1, 1e6),
    deduplication_key=optional,
    on_failure=optional,
    ordering_key=optional,
    for_endpoint=optional,
)


@dataclass(frozen=True)
class Fetched:
    """A record as the driver has it."""

    value: bytes | None = b"{}"
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = None
    topic: str = "orders"
    partition: int = 3
    offset: int = 7
    timestamp: int = field(default=1_700_000_000_500)


def sent(message: Outgoing) -> Fetched:
    record = to_record(message, NOW)
    return Fetched(record.value, tuple(record.headers), record.key)


SAME = [
    "copy_id",
    "message_id",
    "type_name",
    "content_type",
    "headers",
    "body",
    "correlation_id",
    "causation_id",
    "timestamp",
    "tenant",
    "deduplication_key",
    "on_failure",
    "ordering_key",
]


@given(messages)
def test_a_message_comes_back_as_it_was_sent(message):
    back = from_record(sent(message), "kafka")
    assert isinstance(back, Claimed)
    assert [getattr(back, name) for name in SAME] == [getattr(message, name) for name in SAME]
    assert back.endpoint == (message.for_endpoint or message.endpoint)
    assert (back.channel, back.origin) == ("kafka", Origin("orders", 3, 7))
    assert (back.sequence, back.attempts, back.suspect) == (0, 0, False)


@given(messages)
def test_what_was_claimed_from_an_outbox_is_the_same_on_the_wire(message):
    """What is relayed again is the record that was relayed before."""
    back = from_record(sent(message), "kafka")
    assert isinstance(back, Claimed)
    again = to_record(back, NOW + 10)
    assert (again.key, again.value, sorted(again.headers)) == (
        None if message.ordering_key is None else message.ordering_key.encode(),
        message.body,
        sorted(sent(message).headers),
    )


def test_a_time_to_live_counts_from_the_time_at_which_it_is_produced():
    message = from_record(sent(outgoing("m", time_to_live=5.0)), "kafka")
    assert isinstance(message, Claimed)
    assert message.expires_at == NOW + 5.0


def test_users_headers_are_headers_that_other_programs_can_read():
    record = to_record(outgoing("m", headers='{"tenant": "Größe"}'), NOW)
    assert ("tenant", "Größe".encode()) in record.headers


def test_headers_that_other_programs_add_are_the_users():
    record = sent(outgoing("m"))
    record = Fetched(record.value, (("traceparent", b"00-1"), ("odd", b"\xff"), *record.headers))
    message = from_record(record, "kafka")
    assert isinstance(message, Claimed)
    assert msgspec.json.decode(message.headers) == {"traceparent": "00-1", "odd": "\ufffd"}


def test_fields_of_later_versions_are_left_alone():
    ours = dict(sent(outgoing("m")).headers)[HEADER]
    more = msgspec.json.encode({**msgspec.json.decode(ours), "later": [1]})
    assert isinstance(from_record(Fetched(b"", ((HEADER, more),)), "kafka"), Claimed)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ((), "no header"),
        ((("content-type", b"application/json"),), "no header"),
        (((HEADER, b"not json"),), "cannot be read"),
        (((HEADER, b"{}"),), "cannot be read"),
        (((HEADER, b"\xff\x00"),), "cannot be read"),
    ],
)
def test_records_of_others_are_foreign(headers, why):
    record = from_record(Fetched(b'{"order": 1}', headers, b"key"), "kafka")
    assert isinstance(record, ForeignRecord)
    assert (record.value, record.key, record.headers) == (b'{"order": 1}', b"key", headers)
    assert why in record.why


def test_a_record_of_another_version_is_foreign_and_says_so():
    ours = dict(sent(outgoing("m")).headers)[HEADER]
    newer = msgspec.json.encode({**msgspec.json.decode(ours), "v": 2})
    record = from_record(Fetched(b"", ((HEADER, newer),)), "kafka")
    assert isinstance(record, ForeignRecord)
    assert "version 2" in record.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        *(
            ({name: "a\0b"}, f"has a NUL in '{name}'")
            for name in ("id", "copy", "endpoint", "tenant", "order", "deduplicate", "on_failure")
        ),
        ({"id": "x" * 3000}, "bytes in 'endpoint', 'id'"),
        ({"deduplicate": "ü" * 1500}, "bytes in 'endpoint', 'deduplicate'"),
        ({"tenant": "x" * 1300, "order": "y" * 1300}, "bytes in 'endpoint', 'tenant', 'order'"),
    ],
)
def test_what_not_every_store_can_hold_is_foreign(changes, why):
    """PostgreSQL refuses it: the partition would be fetched again and again."""
    ours = dict(sent(outgoing("m")).headers)[HEADER]
    odd = msgspec.json.encode({**msgspec.json.decode(ours), **changes})
    record = from_record(Fetched(b"1", ((HEADER, odd),)), "kafka")
    assert isinstance(record, ForeignRecord)
    assert why in record.why


@pytest.mark.parametrize("changes", [{"id": r"\u0000"}, {"header": "a\0b"}, {"later": "x" * 3000}])
def test_what_every_store_can_hold_is_a_message(changes):
    ours = dict(sent(outgoing("m")).headers)[HEADER]
    odd = msgspec.json.encode({**msgspec.json.decode(ours), **changes})
    assert isinstance(from_record(Fetched(b"1", ((HEADER, odd),)), "kafka"), Claimed)


def test_a_record_without_a_value_is_foreign():
    """Compacted topics have them: they say that a key was deleted."""
    record = from_record(Fetched(None, sent(outgoing("m")).headers), "kafka")
    assert isinstance(record, ForeignRecord)
    assert record.value is None


@given(st.binary(max_size=60), st.lists(st.tuples(st.just(HEADER) | text, st.binary(max_size=30))))
def test_whatever_is_in_a_record_nothing_is_raised(value, headers):
    found = from_record(Fetched(value, tuple(headers)), "kafka")
    assert isinstance(found, Claimed | ForeignRecord)


def test_a_foreign_record_is_named_by_its_place_and_is_the_body_of_its_message():
    record = from_record(Fetched(b"\x00\xff", (("a", b"1"),), b"k"), "kafka")
    assert isinstance(record, ForeignRecord)
    message = foreign_message(record, "kafka", "shop.legacy")
    assert message.message_id == message.copy_id == "orders/3/7/1700000000500"
    assert msgspec.msgpack.decode(message.body, type=ForeignRecord) == record
