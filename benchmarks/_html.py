"""A report in one HTML file that needs nothing else: tables, and plots as SVG within it."""

from collections.abc import Iterable, Iterator
from html import escape

from benchmarks._document import Document, Entry
from benchmarks._measure import Goal, Series
from benchmarks._plots import drawn, plots
from benchmarks._report import described, readable
from benchmarks._scenario import shares

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; } h3 { margin-bottom: .3rem; }
table { border-collapse: collapse; margin: .6rem 0; } th { text-align: left; font-weight: 600; }
td, th { padding: .15rem .8rem .15rem 0; } td.n { text-align: right; font-variant-numeric:
tabular-nums; } .missed { color: #a11; } .quick { background: #fe9; padding: .4rem .8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .3rem 0; }
dt { color: #666; } dd { margin: 0; } p.note { color: #666; margin: .1rem 0; font-size: 13px; }
svg { max-width: 100%; height: auto; }
"""

QUICK = "Measured with --quick: small sizes, to try it out. These figures say little."


def html(document: Document) -> str:
    """Raises NoPlots if matplotlib is not installed."""
    suites = dict.fromkeys(entry.suite for entry in document.entries)
    parts = [*_head(document), *_links(suites)]
    for suite in suites:
        parts.append(f'<h2 id="{escape(suite)}">{escape(suite)}</h2>')
        for entry in document.entries:
            if entry.suite == suite:
                parts += _workload(entry)
    body = "\n".join(parts)
    title = "<title>actorbus benchmarks</title>"
    head = f'<meta charset="utf-8">{title}<style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _head(document: Document) -> Iterator[str]:
    yield "<h1>actorbus benchmarks</h1>"
    if document.settings.quick:
        yield f'<p class="quick">{QUICK}</p>'
    rounds = f"{document.settings.repeat}, at most; tables show the median and the range"
    yield _list([("measured", document.started), ("rounds", rounds), *document.machine.items()])
    versions = ", ".join(f"{name} {version}" for name, version in document.versions.items())
    yield f'<p class="note">{escape(versions)}</p>'
    for workload, message in document.failed.items():
        yield f'<p class="missed">{escape(workload)} ended badly: {escape(message)}</p>'


def _links(suites: Iterable[str]) -> Iterator[str]:
    links = (f'<a href="#{escape(suite)}">{escape(suite)}</a>' for suite in suites)
    yield f"<p>{' '.join(links)}</p>"


def _workload(entry: Entry) -> Iterator[str]:
    yield f"<h3>{escape(entry.result.workload)}</h3><p>{escape(entry.summary)}</p>"
    yield _list(described(entry.scenario))
    for plot in plots(entry):
        svg = drawn(plot, "svg").decode()
        yield svg[svg.index("<svg") :]
    for share in shares(entry.scenario, entry.result.series):
        yield _series(share.guarantee, share.series)
        if share.reason:
            yield f'<p class="note">Apart from the others: {escape(share.reason)}.</p>'
    if entry.result.goals:
        yield _goals(entry.result.goals)
    for note in entry.result.notes:
        yield f'<p class="note">{escape(note)}</p>'


def _list(pairs: Iterable[tuple[str, str]]) -> str:
    rows = (f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in pairs)
    return f"<dl>{''.join(rows)}</dl>"


def _series(guarantee: str, series: Iterable[Series]) -> str:
    heads = "".join(f"<th>{one}</th>" for one in (guarantee, "median", "low", "high", ""))
    return f"<table><tr>{heads}</tr>{''.join(map(_row, series))}</table>"


def _row(one: Series) -> str:
    numbers = (readable(value) for value in (one.median, one.low, one.high))
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    return f"<tr><td>{escape(one.name)}</td>{cells}<td>{escape(one.unit)}</td></tr>"


def _goals(goals: Iterable[Goal]) -> str:
    rows = "".join(map(_goal, goals))
    return f"<table><tr><th>goal</th><th>wanted</th><th>measured</th><th></th></tr>{rows}</table>"


def _goal(goal: Goal) -> str:
    wanted = escape(f"{goal.bound} {readable(goal.limit)} {goal.unit}")
    mark = "met" if goal.met else '<span class="missed">missed</span>'
    measured = escape(f"{readable(goal.value)} {goal.unit}")
    return (
        f"<tr><td>{escape(goal.name)}</td><td>{wanted}</td><td>{measured}</td><td>{mark}</td></tr>"
    )
