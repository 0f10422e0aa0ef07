"""How a SQLite store behaves: options with their checks."""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal, get_args

Synchronous = Literal["OFF", "NORMAL", "FULL", "EXTRA"]
Migrate = Literal["auto", "never"]

_SECONDS: Final = (
    "lock_timeout",
    "tx_limit",
    "group_age",
    "retention",
    "inline_limit",
    "read_limit",
)


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Options of a SQLite store. Times are in seconds."""

    synchronous: Synchronous = "FULL"
    """FULL survives power loss; NORMAL survives the end of the process, and is faster."""
    lock_timeout: float = 5.0
    """How long to wait for another program's lock before StoreLocked."""
    tx_limit: float = 1.0
    """How long one handler may hold the writer."""
    group_size: int = 100
    """Transactions that share a commit, at most."""
    group_age: float = 0.02
    """How long a finished transaction waits for others to share its commit, at most."""
    retention: float = 7 * 86400.0
    """How long deduplication keys are remembered. Keep it longer than the longest retry."""
    inline_limit: float = 0.02
    """How long a SELECT may run on the event loop's thread before it goes to the store's."""
    read_limit: float = 30.0
    """How long one statement of a snapshot may run."""
    max_readers: int = 32
    """Connections for snapshots, at most."""
    migrate: Migrate = "auto"
    """`auto` makes and migrates the tables at start-up; `never` leaves that to `actorbus store
    migrate`, and refuses to start on tables of another version."""

    def __post_init__(self) -> None:
        problems = [*self._wrong_seconds(), *self._wrong_counts(), *self._wrong_words()]
        if problems:
            raise ValueError("; ".join(problems))

    def _wrong_seconds(self) -> list[str]:
        values = {name: getattr(self, name) for name in _SECONDS}
        return [
            f"sqlite store: {name}={value!r} must be a finite number of seconds above 0"
            for name, value in values.items()
            if not 0 < value < inf
        ]

    def _wrong_counts(self) -> list[str]:
        values = {"group_size": self.group_size, "max_readers": self.max_readers}
        return [
            f"sqlite store: {name}={value!r} must be 1 or more"
            for name, value in values.items()
            if value < 1
        ]

    def _wrong_words(self) -> list[str]:
        words = (
            ("synchronous", self.synchronous, get_args(Synchronous)),
            ("migrate", self.migrate, get_args(Migrate)),
        )
        return [
            f"sqlite store: {name}={value!r} must be one of {', '.join(allowed)}"
            for name, value, allowed in words
            if value not in allowed
        ]
