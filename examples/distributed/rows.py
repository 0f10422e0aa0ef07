"""What the service "departures" is told, and what a delay means."""

from dataclasses import dataclass

LATE_AFTER, VERY_LATE_AFTER = 15, 120
"""Minutes of delay: whose passengers are told, and who get an apology."""


@dataclass(frozen=True)
class RecordDeparture:
    """A row of the day; `delay` is None for a flight that was cancelled."""

    flight: str
    origin: str
    delay: int | None


def how_it_left(delay: int | None) -> str:
    """Return the last word of the event's key."""
    if delay is None:
        return "cancelled"
    return "delayed" if delay > LATE_AFTER else "left"
