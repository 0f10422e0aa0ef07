"""How a PostgreSQL store behaves: options with their checks, and the URL that carries them."""

from dataclasses import dataclass, fields
from math import inf
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from actorbus.stores._secrets import joined, split, without_secrets

Pooler = Literal["auto", "none", "transaction"]
Migrate = Literal["auto", "never"]

_SECONDS: Final = ("timeout", "statement_timeout", "tx_limit", "lock_timeout", "retention")
_LONGEST_NAME: Final = 63
"""Bytes of a name that PostgreSQL keeps."""

_DRIVERS: Final = frozenset(
    {
        "application_name",
        "database",
        "dbname",
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        "password",
        "port",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)
"""Connection parameters of libpq's that the driver understands."""


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """Options of a PostgreSQL store. Times are in seconds."""

    pool_size: int = 10
    """Connections for handlers' transactions and snapshots, at most. The store's own work has up to
    three more, and one that listens."""
    timeout: float = 10.0
    """How long a call of the store's own may take, also connecting, and waiting for a connection
    that is free. After it the connection is thrown away."""
    statement_timeout: float = 30.0
    """How long one statement of a handler or of a snapshot may run."""
    tx_limit: float = 10.0
    """How long a handler may do nothing inside its transaction; never longer than the lease."""
    lock_timeout: float = 5.0
    """How long a statement waits for a row that another transaction has locked."""
    retention: float = 7 * 86400.0
    """How long deduplication keys are remembered. Keep it longer than the longest retry."""
    schema: str = ""
    """Where the tables are; "" is the first schema of the user's `search_path`."""
    pooler: Pooler = "auto"
    """What is between us and the database: `transaction` is a pooler that gives a connection away
    between two transactions. Then there is no LISTEN and no prepared statement. `auto` finds out.
    """
    migrate: Migrate = "auto"
    """`auto` makes and migrates the tables at start-up; `never` leaves that to `actorbus store
    migrate`, and refuses to start on tables of another version."""

    def __post_init__(self) -> None:
        problems = [*self._wrong_seconds(), *self._wrong_others()]
        if problems:
            raise ValueError("; ".join(problems))

    def _wrong_seconds(self) -> list[str]:
        values = {name: getattr(self, name) for name in _SECONDS}
        return [
            f"postgresql store: {name}={value!r} must be a finite number of seconds above 0"
            for name, value in values.items()
            if not 0 < value < inf
        ]

    def _wrong_others(self) -> list[str]:
        problems = []
        if self.pool_size < 1:
            problems.append(f"postgresql store: pool_size={self.pool_size!r} must be 1 or more")
        words = (
            ("pooler", self.pooler, get_args(Pooler)),
            ("migrate", self.migrate, get_args(Migrate)),
        )
        problems += [
            f"postgresql store: {name}={value!r} must be one of {', '.join(allowed)}"
            for name, value, allowed in words
            if value not in allowed
        ]
        if len(self.schema.encode()) > _LONGEST_NAME or "\0" in self.schema:
            problems.append(f"postgresql store: schema={self.schema!r} is no name of a schema")
        return problems


_OPTIONS: Final = {field.name: field.type for field in fields(PostgresOptions)}


def parse(url: str) -> tuple[str, PostgresOptions]:
    """Return the driver's URL, and the options that it carried.

    Raises ValueError for what is not known, naming it, and never a password.
    """
    parts = split(url)
    shown = without_secrets(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    _check_known(shown, [name for name, _ in given])
    theirs = urlencode([(name, value) for name, value in given if name in _DRIVERS])
    ours = {name: _value(shown, name, text) for name, text in given if name in _OPTIONS}
    return joined(parts._replace(query=theirs)), PostgresOptions(**ours)


def _check_known(shown: str, names: list[str]) -> None:
    unknown = sorted(set(names) - _OPTIONS.keys() - _DRIVERS)
    if unknown:
        known = ", ".join(sorted(_OPTIONS))
        raise ValueError(
            f"store {shown!r}: unknown option {unknown[0]!r} (known: {known}; of the driver:"
            f" {', '.join(sorted(_DRIVERS))})"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"store {shown!r}: option {twice[0]!r} is given more than once")


def _value(shown: str, name: str, text: str) -> Any:
    kind = _OPTIONS[name]
    try:
        return kind(text) if kind in {int, float} else text
    except (TypeError, ValueError):
        raise ValueError(f"store {shown!r}: {name}={text!r} is not a number") from None
