"""Which dead letters a command means."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from actorbus._store import DeadLetterFilter, DeadLetterRow

_PAGE = 500


class DeadLetters(Protocol):
    """What is needed of `bus.dead_letters` to find them."""

    def list(
        self, matching: DeadLetterFilter, *, limit: int, after: int = 0
    ) -> Awaitable[Sequence[DeadLetterRow]]:
        """Return a page, oldest first."""
        ...

    def count(self, matching: DeadLetterFilter) -> Awaitable[int]:
        """Count those that match."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter for the store, and headers, which are compared here: it keeps them as text."""

    matching: DeadLetterFilter
    headers: Mapping[str, str]

    @property
    def is_everything(self) -> bool:
        """Whether nothing was said about which ones are meant."""
        return not self.headers and self.matching == DeadLetterFilter()

    async def rows(
        self, letters: DeadLetters, *, limit: int | None = None, after: int = 0
    ) -> list[DeadLetterRow]:
        """Return those that match, oldest first, from those whose number is above `after`."""
        found: list[DeadLetterRow] = []
        while limit is None or len(found) < limit:
            page = await letters.list(self.matching, limit=_PAGE, after=after)
            found += filter(self._has_headers, page)
            if len(page) < _PAGE:
                break
            after = page[-1].number
        return found[:limit]

    async def count(self, letters: DeadLetters) -> int:
        """Count those that match."""
        if not self.headers:
            return await letters.count(self.matching)
        return len(await self.rows(letters))

    async def narrowed(self, letters: DeadLetters) -> DeadLetterFilter:
        """Return a filter for the store that means the same ones."""
        if not self.headers:
            return self.matching
        ids = tuple(row.copy_id for row in await self.rows(letters))
        return msgspec.structs.replace(self.matching, copy_ids=ids)

    def _has_headers(self, row: DeadLetterRow) -> bool:
        if not self.headers:
            return True
        headers = json.loads(row.headers)
        return all(headers.get(name) == value for name, value in self.headers.items())
