"""The results in docs/benchmarks.md, written between its markers from the document of a run."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._document import Document, Entry
from benchmarks._html import QUICK
from benchmarks._measure import Goal, Series
from benchmarks._process import ROOT
from benchmarks._report import described, readable
from benchmarks._scenario import shares
from benchmarks._suites import SUITES

PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results.json"
BEGIN = "<!-- results: written by `make benchmarks` -->"
END = "<!-- end of results -->"


def write(document: Document, page: Path = PAGE) -> None:
    """Put the results into the page. Raises ValueError if it has no place for them."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replaced(text, document), encoding="utf-8")


def replaced(text: str, document: Document) -> str:
    """Return the page with these results. Raises ValueError if it has no place for them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} and {END} in the page")
    return f"{before}{begin}\n\n{results(document)}\n{end}{after}"


def results(document: Document) -> str:
    return "\n".join([*_head(document), *_suites(document)])


def _head(document: Document) -> Iterator[str]:
    if document.settings.quick:
        yield f"**{QUICK}**\n"
    repeat = document.settings.repeat
    rounds = "one round, so that there is no spread" if repeat == 1 else f"{repeat} rounds"
    yield f"Measured {document.started[:10]} in {rounds}.\n"
    yield "| on | |\n|---|---|"
    for name, value in document.machine.items():
        yield f"| {name} | {_cell(value)} |"
    yield f"| versions | {_cell(', '.join(f'{n} {v}' for n, v in document.versions.items()))} |\n"
    for workload, message in document.failed.items():
        yield f"`{workload}` ended badly: {_cell(message.splitlines()[0])}\n"


def _suites(document: Document) -> Iterator[str]:
    for suite in SUITES.values():
        entries = [entry for entry in document.entries if entry.suite == suite.name]
        if entries:
            yield f"### Suite `{suite.name}`: {suite.summary}\n"
        for entry in entries:
            yield from _workload(entry)


def _workload(entry: Entry) -> Iterator[str]:
    yield f"#### {entry.result.workload}\n\n{entry.summary}.\n"
    words = [f"{word}: {text}" for word, text in described(entry.scenario) if word != "guarantee"]
    yield f"{_cell('; '.join(words))}.\n"
    for share in shares(entry.scenario, entry.result.series):
        yield from _table(share.guarantee, share.series)
        if share.reason:
            yield f"Apart from the others: {share.reason}.\n"
    if entry.result.goals:
        yield f"Goals: {'; '.join(map(_goal, entry.result.goals))}.\n"
    if entry.result.notes:
        yield f"{' '.join(map(_sentence, entry.result.notes))}\n"


def _table(guarantee: str, series: Sequence[Series]) -> Iterator[str]:
    yield f"| {guarantee} | median | lowest | highest | |\n|---|--:|--:|--:|---|"
    for one in series:
        numbers = (readable(value) for value in (one.median, one.low, one.high))
        yield f"| {_cell(one.name)} | {' | '.join(numbers)} | {one.unit} |"
    yield ""


def _goal(goal: Goal) -> str:
    mark = "" if goal.met else ", **missed**"
    unit = f" {goal.unit}" if goal.unit else ""
    wanted = f"{goal.bound} {readable(goal.limit)}{unit}"
    return f"{_cell(goal.name)} {readable(goal.value)}{unit} ({wanted}{mark})"


def _sentence(note: str) -> str:
    return _cell(note if note.endswith((".", ",", ";", ":")) else f"{note}.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
