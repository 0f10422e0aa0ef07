"""What a handler's statements may not do: end the transaction, or leave something on the session.

The connection is somebody else's after this transaction. What the server refuses inside of a
transaction by itself (VACUUM, CREATE DATABASE) is left to it.
"""

import re
from collections.abc import Iterator
from typing import Final

_SKIPPED: Final = re.compile(
    r"""
    \s+ | --[^\n]* | /\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE: Final = re.compile(
    r"""
    [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"       # texts and quoted names
    | \$(?P<tag>[A-Za-z_]*)\$ .*? \$(?P=tag)\$                       # dollar quotes
    | --[^\n]* | /\*.*?\*/                                           # comments
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD: Final = re.compile(r"[A-Za-z]+")

_BEGINS: Final = "the bus begins and ends transactions"
_REFUSED: Final = {
    "ABORT": _BEGINS,
    "BEGIN": _BEGINS,
    "COMMIT": _BEGINS,
    "END": _BEGINS,
    "ROLLBACK": _BEGINS,
    "START": _BEGINS,
    "RELEASE": "use tx.savepoint()",
    "SAVEPOINT": "use tx.savepoint()",
    "DISCARD": "settings belong to the store",
    "LISTEN": "the connection is somebody else's after this transaction",
    "UNLISTEN": "the connection is somebody else's after this transaction",
    "LOAD": "settings belong to the store",
    "RESET": "settings belong to the store; use SET LOCAL",
}
_MAY_BE_SET: Final = frozenset({"LOCAL", "CONSTRAINTS"})


class Guard:
    """Remembers the statements that it has looked at, up to a bound."""

    def __init__(self, bound: int = 1024) -> None:
        self._bound = bound
        self._known: dict[str, str | None] = {}

    def refuses(self, sql: str) -> str | None:
        """Return why a statement may not run, or None."""
        try:
            return self._known[sql]
        except KeyError:
            pass
        if len(self._known) >= self._bound:
            self._known.clear()
        reason = self._known[sql] = refusal(sql)
        return reason


def refusal(sql: str) -> str | None:
    """Return why a text of one or more statements may not run, or None."""
    for statement in _statements(sql):
        words = _first_words(statement)
        first = words[0] if words else ""
        if first in _REFUSED:
            return f"{first}: {_REFUSED[first]}"
        if first == "SET" and words[1:2] and words[1] not in _MAY_BE_SET:
            return "SET: settings belong to the store; use SET LOCAL"
        if words == ["PREPARE", "TRANSACTION"]:
            return f"PREPARE TRANSACTION: {_BEGINS}"
    return None


def _statements(sql: str) -> Iterator[str]:
    start = 0
    for piece in _PIECE.finditer(sql):
        if piece["end"]:
            yield sql[start : piece.start()]
            start = piece.end()
    yield sql[start:]


def _first_words(statement: str) -> list[str]:
    words: list[str] = []
    place = 0
    while len(words) < 2:  # noqa: PLR2004  no statement is told by more
        if skipped := _SKIPPED.match(statement, place):
            place = skipped.end()
        elif word := _WORD.match(statement, place):
            words.append(word[0].upper())
            place = word.end()
        else:
            break
    return words
