"""The bell of a channel's intake: rung by endpoints with room, and when messages became ready."""

from collections.abc import Callable


class Bell:
    """Rings once until the intake has looked, however many ask.

    `generation` grows whenever messages may have become ready: who found none in an earlier
    generation may find some now. `wanted` says that somebody waits for a place of another's.
    """

    __slots__ = ("generation", "ring", "rung", "wanted")

    def __init__(self) -> None:
        self.generation = 0
        self.wanted = False
        self.rung = False
        self.ring: Callable[[], None] = _nobody

    def ask(self) -> None:
        """Have the intake look."""
        if not self.rung:
            self.rung = True
            self.ring()

    def wake(self) -> None:
        """Have the intake look, also for those who found nothing before."""
        self.generation += 1
        self.ask()

    def answer(self) -> int:
        """Note that the intake looks now; return the generation that it looks at."""
        self.rung = self.wanted = False
        return self.generation

    def connect(self, ring: Callable[[], None]) -> None:
        """Ring at this intake from now on, and once at once."""
        self.ring = ring
        self.rung = False
        self.wake()


def _nobody() -> None:
    """Ring nowhere: there is no intake yet."""
