"""The account: what happened, per carrier, beside what the file says must have happened."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from examples.flights.data import airline_names
from examples.flights.messages import CarrierAccount
from examples.flights.truth import Truth

PERMANENT = "permanent error"
"""The reason of the dead letters that stay: flights that were cancelled."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a run has left behind.

    `cancelled` are the dead letters of rows without departure by carrier, `dead_letters` all that
    are left by reason, `unfinished` the messages that still wait or are held.
    """

    carriers: Sequence[CarrierAccount]
    cancelled: Counter[str]
    dead_letters: Counter[str]
    unfinished: int
    replayed: int
    restarts: int
    seconds: float

    def line(self, carrier: str) -> dict[str, int]:
        """One carrier's numbers, in the words of the account."""
        mine = next((each for each in self.carriers if each.carrier == carrier), None)
        mine = mine or CarrierAccount(carrier)
        return {
            "rows": mine.departed + self.cancelled[carrier],
            "departed": mine.departed,
            "cancelled": self.cancelled[carrier],
            "late": mine.late,
            "notified": mine.notified,
            "statistics": mine.statistics,
        }

    def as_json(self) -> dict[str, Any]:
        """The account as one JSON object."""
        per_carrier = {carrier: self.line(carrier) for carrier in self._names()}
        totals = Counter[str]()
        for line in per_carrier.values():
            totals.update(line)
        names = ("rows", "departed", "cancelled", "late")
        return {
            **{name: totals[name] for name in names},
            "per_carrier": per_carrier,
            "notified": totals["notified"],
            "statistics": totals["statistics"],
            "dead_letters": dict(sorted(self.dead_letters.items())),
            "replayed": self.replayed,
            "restarts": self.restarts,
            "seconds": round(self.seconds, 2),
        }

    def differences(self, truth: Truth) -> Iterator[str]:
        """Say, a sentence each, where this account is not the truth."""
        for carrier in sorted({*self._names(), *truth.rows}):
            for name, expected in expected_line(truth, carrier).items():
                found = self.line(carrier)[name]
                if found != expected:
                    yield f"{carrier}: {name} is {found}, the file says {expected}"
        for each in self.carriers:
            if each.counted_late != truth.late[each.carrier]:
                yield f"{each.carrier}: the counter of late flights says {each.counted_late}"
            if each.repeated:
                yield f"{each.carrier}: {each.repeated} effects happened more than once"
        for reason, count in self.dead_letters.items():
            if reason != PERMANENT:
                yield f"{count} dead letters are left: {reason}"
        if self.unfinished:
            yield f"{self.unfinished} messages are unfinished"

    def _names(self) -> list[str]:
        return sorted({*(each.carrier for each in self.carriers), *self.cancelled})


def expected_line(truth: Truth, carrier: str) -> Mapping[str, int]:
    """What `Account.line` must say of a carrier."""
    late = truth.late[carrier]
    return {
        "rows": truth.rows[carrier],
        "departed": truth.departed(carrier),
        "cancelled": truth.cancelled[carrier],
        "late": late,
        "notified": late,
        "statistics": late,
    }


def account_table(account: Account, truth: Truth, width: int) -> Table:
    """The account per carrier, each number beside the truth's; red where they differ."""
    title = "The account, found/truth"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    for name in expected_line(truth, ""):
        table.add_column(name, justify="right", no_wrap=True)
    names = airline_names()
    for carrier in sorted(truth.rows, key=lambda carrier: -truth.rows[carrier]):
        name = names.get(carrier, "")[: max(width - _NUMBERS, 0)]
        cells = _cells(account.line(carrier), expected_line(truth, carrier))
        table.add_row(f"{carrier} {name}".rstrip(), *cells)
    totals = [_total(account, truth, name) for name in expected_line(truth, "")]
    table.add_row("all", *totals, style="bold")
    return table


_NUMBERS = 80
"""The width that a table without the carriers' names needs."""


def _cells(found: Mapping[str, int], expected: Mapping[str, int]) -> list[str]:
    return [_cell(found[name], expected[name]) for name in expected]


def _cell(found: int, expected: int) -> str:
    text = f"{found:,}/{expected:,}"
    return text if found == expected else f"[red]{text}[/red]"


def _total(account: Account, truth: Truth, name: str) -> str:
    found = sum(account.line(carrier)[name] for carrier in truth.rows)
    return _cell(found, sum(expected_line(truth, carrier)[name] for carrier in truth.rows))
