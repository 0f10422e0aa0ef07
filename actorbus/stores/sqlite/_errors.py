"""SQLite's result codes as the store's errors.

Only what is the store's own trouble is translated. A constraint that a handler violates, or a
mistake in its SQL, stays the driver's error: it is the handler's.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from actorbus._store import (
    NotAStore,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreReadOnly,
    StoreUnavailable,
)

_ERRORS: Final[Mapping[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreLocked, "is locked by another program"),
    sqlite3.SQLITE_FULL: (StoreFull, "cannot grow: the disk is full"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "cannot be written: file or folder is read-only"),
    sqlite3.SQLITE_CANTOPEN: (StoreMissing, "cannot be opened"),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "cannot be opened: permission denied"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "cannot be read or written"),
    sqlite3.SQLITE_PROTOCOL: (StoreLocked, "is locked by another program"),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "needs more memory than there is"),
    sqlite3.SQLITE_NOTADB: (NotAStore, "is not a SQLite database"),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "is damaged"),
}

_BROKEN: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
    }
)


def code(error: sqlite3.Error) -> int:
    """Return the primary result code, or 0 for errors of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translate(error: sqlite3.Error, path: str) -> StoreError | None:
    """Return the store's error that this is, or None if it is not about the store."""
    found = _ERRORS.get(code(error))
    if found is None:
        return None
    kind, words = found
    return kind(f"store {path} {words} ({error})")


def outage(error: sqlite3.Error, path: str) -> StoreError:
    """Return the store's error for a statement of ours, which had no other reason to fail."""
    return translate(error, path) or StoreUnavailable(f"store {path} failed: {error}")


def as_outage(error: Exception, path: str) -> StoreUnavailable:
    """Return what those are told who lost their work through `error`, which was not theirs."""
    trouble = outage(error, path) if isinstance(error, sqlite3.Error) else error
    if isinstance(trouble, StoreUnavailable):
        return trouble
    unavailable = StoreUnavailable(f"store {path} failed: {trouble}")
    unavailable.__cause__ = error
    return unavailable


def is_outage(error: Exception) -> bool:
    """Whether this is trouble of the store, and not with what was to be written."""
    if isinstance(error, sqlite3.Error):
        return code(error) in _ERRORS
    return isinstance(error, StoreError)


def needs_new_connection(error: Exception) -> bool:
    """Whether a connection that reported this is better opened anew."""
    return isinstance(error, sqlite3.Error) and code(error) in _BROKEN


def was_refused(error: sqlite3.Error) -> bool:
    """Whether the guard refused the statement."""
    return code(error) == sqlite3.SQLITE_AUTH


def anew(error: StoreError) -> StoreError:
    """Return a copy, to raise in one more task: one object would mix their tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def is_busy(error: sqlite3.Error) -> bool:
    """Whether someone else has the lock."""
    return code(error) == sqlite3.SQLITE_BUSY
