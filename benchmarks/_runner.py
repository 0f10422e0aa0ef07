"""Runs workloads one after the other; one that fails does not cost what the others measured."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks import _document
from benchmarks._document import Document, Entry
from benchmarks._process import MeasurementFailed
from benchmarks._settings import Settings, Workload
from benchmarks._suites import suite_of


def run(
    workloads: Sequence[Workload],
    settings: Settings,
    done: Callable[[Document], object] = lambda _: None,
) -> Document:
    """Measure them; `done` is called after each workload with what there is until then."""
    entries: list[Entry] = []
    failed: dict[str, str] = {}
    document = _document.new(settings, entries, failed)
    for workload in workloads:
        try:
            entries.append(_measured(workload, settings))
        except MeasurementFailed as error:
            failed[workload.name] = str(error)
        document = replace(document, entries=tuple(entries), failed=dict(failed))
        done(document)
    return document


def _measured(workload: Workload, settings: Settings) -> Entry:
    settings = replace(settings, sizes={})
    started = time.monotonic()
    result = workload.run(settings)
    return Entry(
        suite_of(workload.name),
        workload.summary,
        workload.scenario,
        tuple(settings.sizes),
        time.monotonic() - started,
        result,
    )
