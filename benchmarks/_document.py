"""What a run leaves: one JSON document with the machine, the versions, the settings, all values."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks._machine import machine, versions
from benchmarks._measure import Result
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings

FORMAT = "actorbus-benchmarks"
VERSION = 1


class Unreadable(Exception):
    """A file is not such a document; the message names the file and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one workload measured, and under which settings."""

    suite: str
    summary: str
    scenario: Scenario
    sizes: Sequence[int]
    seconds: float
    """How long it took, all rounds with their preparations."""
    result: Result

    def to_json(self) -> dict[str, Any]:
        described = {
            "suite": self.suite,
            "summary": self.summary,
            "scenario": self.scenario.to_json(),
            "sizes": list(self.sizes),
            "seconds": round(self.seconds, 1),
        }
        return {**described, **self.result.to_json()}


@dataclass(frozen=True, slots=True)
class Asked:
    """The settings of a run."""

    repeat: int
    quick: bool
    peers: bool
    cpu_time: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    format: Literal["actorbus-benchmarks"]
    version: Literal[1]
    started: str
    """When, in UTC."""
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    settings: Asked
    entries: Sequence[Entry] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """Workloads that ended badly, and how."""

    def to_json(self) -> str:
        values = {name: getattr(self, name) for name in ("format", "version", "started")}
        values |= {"machine": dict(self.machine), "versions": dict(self.versions)}
        values["settings"] = asdict(self.settings)
        values["results"] = [entry.to_json() for entry in self.entries]
        values["failed"] = dict(self.failed)
        return json.dumps(values, indent=2)


def new(settings: Settings, entries: Sequence[Entry], failed: Mapping[str, str]) -> Document:
    """Return the document of a run on this machine."""
    asked = Asked(settings.repeat, settings.quick, settings.peers, settings.cpu_time)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Document(
        "actorbus-benchmarks", 1, started, machine(), versions(), asked, tuple(entries), failed
    )


def read(path: Path) -> Document:
    """Raises Unreadable."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: not a document of `run --output` ({error})") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Unreadable(f"{path}: not a document of `run --output` (no format {FORMAT!r})")
    try:
        entries = [_entry(one) for one in value.pop("results")]
        found = msgspec.convert({**value, "entries": entries}, Document)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise Unreadable(f"{path}: {error!r}") from error
    _check_values(path, found)
    return found


def _check_values(path: Path, document: Document) -> None:
    for entry in document.entries:
        for series in entry.result.series:
            if not series.values or not all(map(math.isfinite, series.values)):
                name = f"{entry.result.workload}: {series.name}"
                raise Unreadable(f"{path}: {name}: values={list(series.values)} are no figures")


def _entry(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "result": value}
