"""The driver's errors as the store's.

Only what is the store's own trouble is translated. A constraint that a handler violates, or a
mistake in its SQL, stays the driver's error: it is the handler's.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar

import asyncpg

from actorbus._driver_thread import DriverThreadEnded
from actorbus._store import (
    GroupLost,
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreRefused,
    StoreUnavailable,
)

E = TypeVar("E", bound=StoreError)

_STATES: Final[Mapping[str, tuple[type[StoreError], str]]] = {
    "25006": (StoreReadOnly, "cannot be written: it is a standby, or read-only"),
    "28000": (StoreRefused, "does not let this user in"),
    "28P01": (StoreRefused, "does not accept the password"),
    "3D000": (StoreRefused, "has no such database"),
    "53100": (StoreFull, "cannot grow: the disk is full"),
    "55P03": (StoreLocked, "waited too long for a lock (lock_timeout)"),
    "57014": (StoreUnavailable, "did not answer in time"),
    "57P05": (StoreUnavailable, "closed an idle connection"),
    "25P03": (StoreUnavailable, "ended a transaction that did nothing"),
    "XX001": (StoreCorrupt, "is damaged"),
    "XX002": (StoreCorrupt, "is damaged"),
}
_OURS: Final[Mapping[str, tuple[type[StoreError], str]]] = {
    "3F000": (StoreRefused, "has no such schema"),
    "42501": (StoreRefused, "does not allow this user what a store needs"),
    "42P01": (StoreRefused, "has lost a table or function of the store's"),
    "42883": (StoreRefused, "has lost a table or function of the store's"),
}
"""What only a statement of our own has no blame for."""
_FOR_GOOD: Final[Mapping[str, tuple[type[StoreError], str]]] = {
    "0A": (StoreError, "refuses a statement of ours"),
    "21": (StoreError, "refuses a statement of ours"),
    "22": (StoreError, "cannot hold a value"),
    "23": (StoreError, "refuses a row of ours"),
    "42": (StoreError, "refuses a statement of ours"),
    "54": (StoreError, "cannot hold a value of this size"),
    "P0": (StoreError, "refuses a row of ours"),
}
"""What fails again however often it is tried: for a value that somebody gave, a constraint or a
trigger that somebody made, or a mistake of ours."""
_CLASSES: Final[Mapping[str, tuple[type[StoreError], str]]] = {
    "08": (StoreUnavailable, "cannot be reached"),
    "53": (StoreUnavailable, "has no room for this"),
    "57": (StoreUnavailable, "is being stopped or started"),
    "58": (StoreUnavailable, "has trouble with its machine"),
}
_AGAIN: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock timeout: another transaction's doing."""

DRIVERS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
)
"""What the driver raises."""

IN_DOUBT: Final = (OSError, EOFError, asyncpg.InternalClientError, DriverThreadEnded)
"""A deadline among them, which is an OSError."""

IDLE: Final = "25P03"
CANCELLED: Final = "57014"


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE, or "" if the server did not say one."""
    return getattr(error, "sqlstate", None) or ""


def leaves_in_doubt(error: BaseException) -> bool:
    """Whether nobody knows what a connection is doing that this was raised on.

    It can still be used if the server answered with the error, or if nothing was sent: arguments
    that do not fit, or an error of the code between two statements.
    """
    if isinstance(error, asyncpg.PostgresError):
        return state_of(error)[:2] in {"08", "57"}
    if isinstance(error, asyncpg.InterfaceError):
        return "operation is in progress" in str(error) or _is_gone(error)
    return not isinstance(error, Exception) or isinstance(error, IN_DOUBT)


def translate(error: BaseException, place: str) -> StoreError | None:
    """Return the store's error that this is, or None if it is not about the store."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, DriverThreadEnded):
        return _caused(StoreClosed(f"store {place} was closed"), error)
    if isinstance(error, asyncpg.PostgresError):
        state = state_of(error)
        found = _STATES.get(state) or _CLASSES.get(state[:2])
        if found is None:
            return None
        kind, words = found
        return _caused(kind(f"store {place} {words} ({error})"), error)
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return _caused(StoreUnavailable(f"store {place} did not answer in time"), error)
    if isinstance(error, (OSError, EOFError)):
        return _caused(StoreUnavailable(f"store {place} cannot be reached ({error})"), error)
    if _is_gone(error):
        return _caused(StoreUnavailable(f"store {place}: a connection was lost ({error})"), error)
    return None


def outage(error: BaseException, place: str) -> StoreError:
    """Return the store's error for a statement of ours, which had no other reason to fail."""
    found = translate(error, place)
    if found is None:
        state = state_of(error)
        kind, words = _OURS.get(state) or _FOR_GOOD.get(state[:2]) or (StoreUnavailable, "failed")
        found = _caused(kind(f"store {place} {words} ({error})"), error)
    return found


def as_outage(error: BaseException, place: str) -> StoreUnavailable:
    """Return what those are told who lost their work through `error`, which was not theirs."""
    trouble = outage(error, place)
    if isinstance(trouble, StoreUnavailable):
        return trouble
    return _caused(StoreUnavailable(f"store {place} failed: {trouble}"), error)


def is_outage(error: BaseException, place: str) -> bool:
    """Whether this is trouble of the store, and not with what was to be written."""
    return translate(error, place) is not None


def is_anothers_doing(error: BaseException) -> bool:
    """Whether another transaction is why this one failed: run again, it may well succeed."""
    return state_of(error) in _AGAIN


def lost_to_another(error: BaseException, owner: str) -> GroupLost:
    """Return what a handler is told that lost its transaction to another one."""
    return _caused(GroupLost(f"{owner}: its transaction lost against another one ({error})"), error)


def anew(error: StoreError) -> StoreError:
    """Return a copy, to raise in one more task: one object would mix their tracebacks."""
    copy = type(error)(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def _is_gone(error: BaseException) -> bool:
    """Whether the driver says that its connection is no more, or just now being closed."""
    if isinstance(error, asyncpg.InternalClientError):
        return True
    return isinstance(error, asyncpg.InterfaceError) and "connection is closed" in str(error)


def _caused(error: E, cause: BaseException) -> E:
    error.__cause__ = cause
    return error
