"""Routing keys with wildcards, as in AMQP's topic exchanges.

A key is words between dots: `orders.north.placed`. In a pattern `*` stands for exactly one word
and `#` for any number of them, none included: `orders.*.placed`, `orders.#`, `#`.
"""

from collections.abc import Sequence
from typing import Final

ONE: Final = "*"
ANY: Final = "#"


def is_pattern(key: object) -> bool:
    """Return whether a wildcard is among the words."""
    return isinstance(key, str) and not {ONE, ANY}.isdisjoint(key.split("."))


def pattern_fault(key: str) -> str | None:
    """Say what is wrong with a pattern, None if nothing is: wildcards stand for whole words."""
    for word in key.split("."):
        if word == "**":
            return f"{key!r}: '**' is no wildcard; '#' stands for any number of words"
        if word not in {ONE, ANY} and (ONE in word or ANY in word):
            return f"{key!r}: {word!r} is neither a word nor a wildcard; '*' stands for one word"
        if not word:
            return f"{key!r}: there is no word between two dots, or at an end"
    return None


class Topic:
    """A pattern, ready to be matched."""

    __slots__ = ("_words", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._words = tuple(pattern.split("."))

    def matches(self, key: str) -> bool:
        """Return whether the pattern covers the key.

        The places in the pattern that the words so far may have led to are kept, all at once, so
        that the time is bounded by the product of both lengths, whatever the wildcards.
        """
        places = self._skipped({0})
        for word in key.split("."):
            places = self._skipped(self._after(places, word))
        return len(self._words) in places

    def _after(self, places: set[int], word: str) -> set[int]:
        found = set()
        for place in places:
            if place == len(self._words):
                continue
            wanted = self._words[place]
            if wanted == ANY:
                found.add(place)
            elif wanted in {ONE, word}:
                found.add(place + 1)
        return found

    def _skipped(self, places: set[int]) -> set[int]:
        """Add the places behind each `#`, which may stand for no word at all."""
        return places | {
            end for place in places for end in range(place + 1, _end_of_any(self._words, place) + 1)
        }


def _end_of_any(words: Sequence[str], place: int) -> int:
    while place < len(words) and words[place] == ANY:
        place += 1
    return place
