"""Batches that the driver cannot read: the bytes are made by its own builder, then damaged."""

import gzip
import struct

import pytest
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from actorbus.channels.kafka import _batches
from actorbus.channels.kafka._batches import Fetch, read_on
from actorbus.channels.kafka._records import Unreadable

PLACE = ("orders", 3)
CRC_AT, CHECKED_FROM = 17, 21


def batch(first, *values, name="name", codec=0, producer=-1, transactional=0):
    """Return a batch as bytes, its records with a header each."""
    builder = DefaultRecordBatchBuilder(2, codec, transactional, producer, 0, 0, 1 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, 1000 + offset, b"key", value, headers=[(name, b"is here")])
    built = bytearray(builder.build())
    built[:8] = struct.pack(">q", first)
    return bytes(built)


def changed(built, old, new):
    """Put other bytes into a batch, as many, and give it the checksum that it has then."""
    assert built.count(old) == 1
    return checked(built.replace(old, new))


def checked(built):
    built = bytearray(built)
    built[CRC_AT:CHECKED_FROM] = struct.pack(">I", calc_crc32c(bytes(built[CHECKED_FROM:])))
    return bytes(built)


def read(offset, *batches, aborted=None, end=100):
    return read_on(PLACE, offset, Fetch(b"".join(batches), aborted, end))


def offsets(records):
    return [record.offset for record in records]


def test_what_is_readable_is_as_the_driver_reads_it():
    found, after = read(5, batch(5, b"a", b"b"), batch(9, b"c"))
    assert (offsets(found), after) == ([5, 6, 9], 10)
    assert found[2].headers == (("name", b"is here"),)


def test_bytes_of_a_headers_name_that_are_no_text_are_escaped():
    damaged = changed(batch(5, b"a", b"b", b"c", name="n"), b"b\x02\x02n", b"b\x02\x02\xff")
    found, after = read(5, batch(3, b"_", b"_"), damaged, batch(8, b"d"))
    assert (offsets(found), after) == ([5, 6, 7], 8)
    assert [record.value for record in found] == [b"a", b"b", b"c"]
    assert [record.timestamp for record in found] == [1000, 1001, 1002]
    assert found[1].headers == (("\\xff", b"is here"),)
    assert found[1].key == b"key"


def test_the_same_in_a_batch_that_is_compressed():
    plain = batch(5, b"a", name="n")
    start = _batches._HEAD.size
    packed = bytearray(plain[:start] + gzip.compress(plain[start:].replace(b"\x02n", b"\x02\xff")))
    packed[21:23] = struct.pack(">h", 1)
    packed[8:12] = struct.pack(">i", len(packed) - 12)
    found, after = read(5, checked(packed))
    assert [record.headers for record in found] == [(("\\xff", b"is here"),)]
    assert after == 6


def test_what_was_read_before_is_not_told_again():
    damaged = changed(batch(5, b"a", b"b", name="n"), b"b\x02\x02n", b"b\x02\x02\xff")
    found, after = read(6, damaged)
    assert (offsets(found), after) == ([6], 7)


def test_a_record_that_is_broken_in_itself_leaves_the_others():
    damaged = changed(batch(5, b"first", b"broken", b"last"), b"\x0cbroken", b"\x7fbroken")
    found, after = read(5, damaged)
    assert (offsets(found), after) == ([5, 6, 7], 8)
    assert [isinstance(record, Unreadable) for record in found] == [False, True, False]
    assert "broken" in str(found[1].value)
    assert "it cannot be read" in found[1].why


def test_of_a_batch_with_another_checksum_no_record_is_told():
    damaged = batch(5, b"a", b"value").replace(b"value", b"other")
    found, after = read(5, batch(2, b"x"), damaged, batch(9, b"next"))
    assert (offsets(found), after) == ([5], 9)
    assert found[0].value == damaged
    assert "Invalid CRC" in found[0].why


def test_behind_the_last_batch_is_the_end_of_the_partition():
    damaged = batch(5, b"a", b"value").replace(b"value", b"other")
    assert read(5, damaged, end=7)[1] == 7
    assert read(5, damaged[:-3], end=7) == ([], 5)


def test_records_before_a_damaged_batch_are_told_with_it():
    damaged = batch(7, b"value").replace(b"value", b"other")
    found, after = read(5, batch(5, b"a"), damaged, end=8)
    assert (offsets(found), after) == ([5, 7], 8)


def test_what_was_aborted_before_is_skipped():
    aborted = batch(5, b"never", producer=1, transactional=1)
    damaged = changed(batch(6, b"a", name="n"), b"a\x02\x02n", b"a\x02\x02\xff")
    found, after = read(5, aborted, damaged, aborted=[(1, 5)])
    assert (offsets(found), after) == ([6], 7)


@pytest.fixture
def no_lz4(monkeypatch):
    """As if its library were not there, also for the driver."""
    monkeypatch.setattr("aiokafka.codec.has_lz4", lambda: False)


def with_codec(built, number):
    built = bytearray(built)
    built[21:23] = struct.pack(">h", number)
    return checked(built)


def test_a_compression_that_no_library_is_there_for_is_the_drivers_error(no_lz4):
    unknown = with_codec(batch(7, b"a"), 3)
    with pytest.raises(UnsupportedCodecError, match="lz4"):
        read(7, unknown)
    assert offsets(read(5, batch(5, b"a", b"b"), unknown)[0]) == [5, 6]
