"""What the account must say: counted from the file alone, without the bus and its parser."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from examples.flights.data import LATE_AFTER, open_text


@dataclass(frozen=True, slots=True)
class Truth:
    """Departures by carrier."""

    rows: Counter[str]
    cancelled: Counter[str]
    late: Counter[str]

    def departed(self, carrier: str) -> int:
        return self.rows[carrier] - self.cancelled[carrier]

    def troubled_carrier(self) -> str:
        """The carrier whose passengers the gateway refuses: the middle one by late departures."""
        carriers = sorted(self.late or self.rows, key=lambda carrier: (self.late[carrier], carrier))
        return carriers[len(carriers) // 2]


def count(path: Path) -> Truth:
    """Count a month's file."""
    truth = Truth(Counter(), Counter(), Counter())
    with open_text(path) as text:
        for row in csv.DictReader(text):
            carrier = row["carrier"]
            truth.rows[carrier] += 1
            if row["dep_time"] in {"", "NA"}:
                truth.cancelled[carrier] += 1
            elif int(row["dep_delay"]) > LATE_AFTER:
                truth.late[carrier] += 1
    return truth
