"""What travels through the bus."""

from dataclasses import dataclass

from examples.flights.data import LATE_AFTER


@dataclass(frozen=True, slots=True)
class RecordDeparture:
    """Command: write this row down. `departed` is None for a flight that never left."""

    id: str
    day: str
    carrier: str
    flight: int
    origin: str
    destination: str
    scheduled: int
    departed: int | None
    delay: int | None


@dataclass(frozen=True, slots=True)
class FlightDelayed:
    """Event: a flight left more than 15 minutes late."""

    id: str
    carrier: str
    flight: int
    delay: int


@dataclass(frozen=True, slots=True)
class SetTheScene:
    """Command: make the tables if they are not there; the gateway refuses this carrier."""

    refused: str


@dataclass(frozen=True, slots=True)
class RepairGateway:
    """Command of the operator: the gateway refuses this carrier no longer."""

    carrier: str


@dataclass(frozen=True, slots=True)
class GetAccount:
    """Query: what the tables hold, per carrier; late is more than this many minutes."""

    late_after: int = LATE_AFTER


@dataclass(frozen=True, slots=True)
class GetProgress:
    """Query: how many rows the tables hold; late is more than this many minutes."""

    late_after: int = LATE_AFTER


@dataclass(frozen=True, slots=True)
class Progress:
    """The rows of all carriers in each table."""

    departed: int
    late: int
    statistics: int
    notifications: int


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """The rows of one carrier in each table, and its counter.

    `repeated` are rows, of any table, whose flight has one there already.
    """

    carrier: str
    departed: int = 0
    late: int = 0
    notified: int = 0
    statistics: int = 0
    counted_late: int = 0
    repeated: int = 0
