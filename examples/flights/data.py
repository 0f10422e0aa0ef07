"""Reads a month of departures and says exactly what is wrong with a file that is not one."""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

MONTH = Path(__file__).with_name("data") / "flights-2013-01.csv.gz"
AIRLINES = Path(__file__).with_name("data") / "airlines.csv"
LATE_AFTER = 15
"""Minutes: a departure is late when its delay is more than this."""

COLUMNS = (
    "year",
    "month",
    "day",
    "carrier",
    "flight",
    "origin",
    "dest",
    "sched_dep_time",
    "dep_time",
    "dep_delay",
)
"""What a file must have; its other columns are not read."""

_MISSING = ("", "NA")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
_CODE = re.compile(r"[A-Z0-9]+")
_GZIP = b"\x1f\x8b"


class DataError(Exception):
    """The file is not a month of departures; the text names the file, the line and the column."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One row. `departed` (HHMM) and `delay` (minutes) are None for a cancelled flight."""

    id: str
    day: str
    carrier: str
    flight: int
    origin: str
    destination: str
    scheduled: int
    departed: int | None
    delay: int | None


def read_departures(path: Path) -> Iterator[Departure]:
    """Yield the rows of a file in their order, plain or gzip.

    The id is made of what names a flight: day, carrier, number, origin and time. Should two rows
    have all of these in common, the second gets `#2`: each row is a departure of its own.

    Raises DataError at the first thing that is wrong.
    """
    seen: Counter[str] = Counter()
    with open_text(path) as text:
        for row in _rows(path, text):
            name = row.name()
            seen[name] += 1
            yield row.departure(name if seen[name] == 1 else f"{name}#{seen[name]}")
    if not seen:
        raise DataError(f"{path}: no departures below the header")


def airline_names() -> dict[str, str]:
    """The names of the carriers by their codes."""
    with AIRLINES.open(newline="", encoding="utf-8") as text:
        return {row["carrier"]: row["name"] for row in csv.DictReader(text)}


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a file as text, unpacked if it is gzip; what cannot be read raises DataError."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            unpacked = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8 ({error.reason})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _rows(path: Path, text: IO[str]) -> Iterator["_Row"]:
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(f"{path}: empty file; the first line must name {', '.join(COLUMNS)}")
        _check_header(path, header)
        for fields in reader:
            if fields:
                yield _Row.of(path, reader.line_num, header, fields)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        found = ", ".join(header)
        raise DataError(f"{path}, line 1: no column {', '.join(missing)} (found: {found})")
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if twice:
        raise DataError(f"{path}, line 1: column {', '.join(twice)} is there more than once")


@dataclass(frozen=True, slots=True)
class _Row:
    """The fields of one line, and where it stands."""

    path: Path
    line: int
    fields: dict[str, str]

    @classmethod
    def of(cls, path: Path, line: int, header: Sequence[str], fields: Sequence[str]) -> "_Row":
        if len(fields) != len(header):
            raise DataError(
                f"{path}, line {line}: {len(fields)} fields where the header has {len(header)}"
            )
        return cls(path, line, dict(zip(header, fields, strict=True)))

    def departure(self, identity: str) -> Departure:
        departed, delay = self._optional("dep_time"), self._optional("dep_delay")
        if (departed is None) != (delay is None):
            raise self._error("dep_delay", "must be there exactly when dep_time is")
        return Departure(
            id=identity,
            day=self._day(),
            carrier=self._code("carrier", 2),
            flight=self._number("flight"),
            origin=self._code("origin", 3),
            destination=self._code("dest", 3),
            scheduled=self._time("sched_dep_time"),
            departed=None if departed is None else self._time("dep_time"),
            delay=delay,
        )

    def name(self) -> str:
        flight = f"{self._code('carrier', 2)}{self._number('flight')}"
        return f"{self._day()}/{flight}/{self._code('origin', 3)}/{self._time('sched_dep_time'):04}"

    def _day(self) -> str:
        year, month, day = (self._number(column) for column in ("year", "month", "day"))
        try:
            return date(year, month, day).isoformat()
        except ValueError as error:
            raise self._error("day", f"no such day in {year}-{month} ({error})") from error

    def _code(self, column: str, length: int) -> str:
        value = self.fields[column]
        if not (len(value) == length and _CODE.fullmatch(value)):
            raise self._error(column, f"must be a code of {length} capitals or digits")
        return value

    def _time(self, column: str) -> int:
        value = self._number(column)
        if not (0 <= value <= 2400 and value % 100 < 60):
            raise self._error(column, "must be a time of day, HHMM")
        return value

    def _optional(self, column: str) -> int | None:
        return None if self.fields[column] in _MISSING else self._number(column)

    def _number(self, column: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(self.fields[column]):
            raise self._error(column, "must be a whole number")
        return int(self.fields[column])

    def _error(self, column: str, problem: str) -> DataError:
        value = self.fields[column]
        return DataError(f"{self.path}, line {self.line}, column {column}: {value!r} {problem}")
