"""What a handler's statements may not do, as a SQLite authorizer.

SQLite asks it when a statement is prepared, not each time that it runs. The bus's own savepoints
are known by a name that nobody can guess; its BEGIN and COMMIT pass while `unlocked`.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_HARMLESS_PRAGMAS: Final = frozenset(
    {
        "data_version",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)

_REFUSED: Final = {
    sqlite3.SQLITE_TRANSACTION: "the bus begins and ends transactions",
    sqlite3.SQLITE_SAVEPOINT: "use tx.savepoint()",
    sqlite3.SQLITE_ATTACH: "other databases would not take part in the transaction",
    sqlite3.SQLITE_DETACH: "other databases would not take part in the transaction",
    sqlite3.SQLITE_PRAGMA: "settings belong to the store",
}


NOT_ASKED: Final = "SQLite could not ask whether it may run; is Python's stack exhausted?"
"""Why a statement was refused although the guard refused nothing: its call failed."""


class Guard:
    """The authorizer of one connection; remembers what it refused."""

    def __init__(self) -> None:
        self.savepoint = f"actorbus_{secrets.token_hex(8)}"
        self._unlocked = False
        self.refused = ""
        """Why it refused the last statement that it refused."""

    def __call__(
        self, action: int, first: str | None, second: str | None, base: str | None, by: str | None
    ) -> int:
        if action not in _REFUSED or self._allows(action, first, second):
            return sqlite3.SQLITE_OK
        self.refused = f"{first or 'this statement'}: {_REFUSED[action]}"
        return sqlite3.SQLITE_DENY

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let everything through: for the store's own statements."""
        self._unlocked = True
        try:
            yield
        finally:
            self._unlocked = False

    def _allows(self, action: int, first: str | None, second: str | None) -> bool:
        if self._unlocked:
            return True
        if action == sqlite3.SQLITE_SAVEPOINT:
            return second == self.savepoint
        return action == sqlite3.SQLITE_PRAGMA and first in _HARMLESS_PRAGMAS
