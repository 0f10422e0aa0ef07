"""Stores by URL: `sqlite:///shop.db`, `postgresql://user:password@host/shop`, `:memory:`.

Options follow a question mark: `sqlite:////srv/shop.db?synchronous=NORMAL`.
"""

from dataclasses import fields
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from actorbus._driver_thread import DriverThread
from actorbus._store import Store
from actorbus.stores._secrets import split, without_secrets
from actorbus.stores.sqlite import SqliteOptions, SqliteStore, StoreClock

MEMORY: Final = ":memory:"
_FORMS: Final = (
    "'sqlite:///relative.db', 'sqlite:////absolute.db', 'postgresql://user:password@host/database'"
    " or ':memory:'"
)
_POSTGRESQL: Final = frozenset({"postgresql", "postgres"})
_OPTIONS: Final = {field.name: field.type for field in fields(SqliteOptions)}


def open_store(
    url: str, clock: StoreClock | None = None, drivers: DriverThread | None = None
) -> Store:
    """Return the store that a URL names, not opened yet; options follow a question mark.

    `drivers` is the thread of a driver that needs one; without it the store has one of its own.
    Raises ValueError for a URL or an option that is not known, naming it, and never a password.
    """
    if url == MEMORY:
        return SqliteStore(None, clock=clock)
    parts = split(url)
    if parts.scheme in _POSTGRESQL:
        return _open_postgresql(url, clock, drivers)
    if parts.scheme != "sqlite":
        shown = without_secrets(url)
        raise ValueError(f"store {shown!r}: not a known kind of store; use {_FORMS}")
    if parts.netloc or len(parts.path) < 2:  # noqa: PLR2004  a slash and a name
        raise ValueError(f"store {url!r}: names no file; use {_FORMS}")
    options = SqliteOptions(**_options(url, parts.query))
    path = unquote(parts.path[1:])
    return SqliteStore(None if path == MEMORY else path, options, clock)


def is_postgresql(store: object) -> bool:
    """Whether a URL names a database of PostgreSQL's, or a store is in one."""
    if isinstance(store, str):
        return store.partition(":")[0] in _POSTGRESQL
    return type(store).__module__.startswith("actorbus.stores.postgresql.")


def schema_of(store: object) -> str:
    """Return the schema that the tables of a PostgreSQL store are in; "" is the usual one."""
    from actorbus.stores.postgresql import PostgresStore

    own = PostgresStore(store) if isinstance(store, str) else store
    return own.options.schema if isinstance(own, PostgresStore) else ""


def _open_postgresql(url: str, clock: StoreClock | None, drivers: DriverThread | None) -> Store:
    try:
        from actorbus.stores.postgresql import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        shown = without_secrets(url)
        raise ValueError(
            f"store {shown!r} needs asyncpg: pip install 'actorbus[postgres]'"
        ) from None
    return PostgresStore(url, clock=clock, drivers=drivers)


def _options(url: str, query: str) -> dict[str, Any]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(given.keys() - _OPTIONS.keys())
    if unknown:
        known = ", ".join(sorted(_OPTIONS))
        raise ValueError(f"store {url!r}: unknown option {unknown[0]!r} (known: {known})")
    return {name: _value(url, name, text) for name, text in given.items()}


def _value(url: str, name: str, text: str) -> Any:
    kind = _OPTIONS[name]
    try:
        return kind(text) if kind in {int, float} else _word(name, text)
    except ValueError:
        raise ValueError(f"store {url!r}: {name}={text!r} is not a number") from None


def _word(name: str, text: str) -> str:
    """Return a word as the options spell it, whatever its case."""
    return text.upper() if name == "synchronous" else text.lower()
