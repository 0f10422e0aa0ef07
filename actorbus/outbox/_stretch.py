"""How far behind a message in turn a relay reads, and so how many lines are a batch. Pure.

A line costs a claim and a change of its turn, whatever its length; so a batch is made of few long
lines rather than of many short ones. How long they are shows only when they are read: as many are
asked for as were there lately, and twice as many while all of them are.
"""

from collections.abc import Sequence

SHORTEST = 4
LONGEST = 200


class Stretch:
    """What one relay has learned about the lines of its outbox."""

    __slots__ = ("length",)

    def __init__(self) -> None:
        self.length = 16
        """How many messages a line is expected to have, the one in turn included."""

    def weight(self, *, in_line: bool) -> int:
        """Return how many messages of a batch one stands for, with those behind it."""
        return self.length if in_line else 1

    def learn(self, lengths: Sequence[int]) -> None:
        """Note how many messages lines had, of the `length` that each was asked for."""
        if not lengths:
            return
        mean = sum(lengths) / len(lengths)
        wanted = self.length * 2 if mean > 0.75 * self.length else round(mean * 1.5)
        self.length = min(LONGEST, max(SHORTEST, wanted))
