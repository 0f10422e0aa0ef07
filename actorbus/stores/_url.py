"""Stores by URL: `sqlite:///shop.db`, `sqlite:////srv/shop.db?synchronous=NORMAL`, `:memory:`."""

from dataclasses import fields
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from actorbus._store import Store
from actorbus.stores.sqlite import SqliteOptions, SqliteStore, StoreClock

MEMORY: Final = ":memory:"
_FORMS: Final = "'sqlite:///relative.db', 'sqlite:////absolute.db' or ':memory:'"
_OPTIONS: Final = {field.name: field.type for field in fields(SqliteOptions)}


def open_store(url: str, clock: StoreClock | None = None) -> Store:
    """Return the store that a URL names, not opened yet; options follow a question mark.

    Raises ValueError for a URL or an option that is not known, naming it.
    """
    if url == MEMORY:
        return SqliteStore(None, clock=clock)
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise ValueError(f"store {url!r}: not a known kind of store; use {_FORMS}")
    if parts.netloc or len(parts.path) < 2:  # noqa: PLR2004  a slash and a name
        raise ValueError(f"store {url!r}: names no file; use {_FORMS}")
    options = SqliteOptions(**_options(url, parts.query))
    path = unquote(parts.path[1:])
    return SqliteStore(None if path == MEMORY else path, options, clock)


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
