"""The tables of this package as Markdown and Mermaid, for its documentation. Text only, no I/O."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ._directive import EFFECTIVE, ENDINGS, RESTART_KINDS, Directive, Ending
from ._lifecycle import TRANSITIONS, LifecycleEvent, Status


def decision_table() -> str:
    """Return the decision table: a row for each ending, a column for each restart kind."""
    rows = (
        [_ending(ending), *(EFFECTIVE[ending, kind].name for kind in RESTART_KINDS)]
        for ending in ENDINGS
    )
    return _table(["the decider says", *RESTART_KINDS], rows)


def transition_table() -> str:
    """Return the life of a child: a row for each status, a column for each event."""
    rows = (
        [f"**{status}**", *(str(TRANSITIONS.get((status, event), "")) for event in LifecycleEvent)]
        for status in Status
    )
    return _table(["", *LifecycleEvent], rows)


def state_diagram() -> str:
    """Return the life of a child as a Mermaid diagram; events that change nothing are left out."""
    labels: dict[tuple[Status, Status], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        if before is not after:
            labels.setdefault((before, after), []).append(event)
    names = [f'    state "{status}" as {_id(status)}' for status in Status if " " in status]
    arrows = [
        f"    {_id(before)} --> {_id(after)}: {' or '.join(events)}"
        for (before, after), events in labels.items()
    ]
    ends = [f"    [*] --> {Status.STARTING}", f"    {Status.STOPPED} --> [*]"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *names, ends[0], *arrows, ends[1], "```"])


GENERATED: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "decisions": decision_table,
        "diagram": state_diagram,
        "transitions": transition_table,
    }
)
"""What stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` in a document."""

_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(document: str) -> str:
    """Return the document with all its generated blocks made anew."""

    def block(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        return f"{begin}{GENERATED[name]()}\n{end}"

    return _BLOCK.sub(block, document)


def _ending(ending: Ending) -> str:
    if isinstance(ending, Directive):
        return ending.name
    special = {"failed start: resume": "Resume, on a failed start"}
    return special.get(ending, f"(nothing: it {ending})")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _id(status: Status) -> str:
    return status.replace(" ", "_")
