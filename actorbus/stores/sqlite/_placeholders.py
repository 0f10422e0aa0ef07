"""`$1` placeholders, the same on every store, as SQLite's numbered `?1`."""

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]   # texts and quoted names
    | --[^\n]* | /\*.*?\*/                                         # comments
    | \$(?P<number>[0-9]+)\b
    """,
    re.VERBOSE | re.DOTALL,
)


def numbered(sql: str) -> str:
    """Return the statement with `$1` written as `?1`, outside of texts and comments."""
    return _TOKEN.sub(_replace, sql) if "$" in sql else sql


def _replace(match: re.Match[str]) -> str:
    number = match["number"]
    return match[0] if number is None else f"?{number}"


class Translations:
    """Remembers translated statements, up to a bound."""

    def __init__(self, bound: int = 1024) -> None:
        self._bound = bound
        self._known: dict[str, str] = {}

    def __call__(self, sql: str) -> str:
        """Return the translated statement."""
        known = self._known.get(sql)
        return self._add(sql) if known is None else known

    def _add(self, sql: str) -> str:
        if len(self._known) >= self._bound:
            self._known.clear()
        translated = self._known[sql] = numbered(sql)
        return translated
