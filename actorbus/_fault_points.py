"""Named places at which a test may have a process killed, or look at what is there.

A store has one object of this class; the parts that work on its messages pass through it. Nothing
happens there unless a test set a hook on that object.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

FaultPoint: TypeAlias = Literal[
    "claim committed",  # messages are this process's by a commit; nobody in it has them yet
    "claimed",  # a relay has them in hand; nothing was published
    "before commit",  # effects, sends and settlement are written; the next step is the commit
    "after commit",  # they are committed; nobody was told
    "after broker accepted",  # a broker has acknowledged messages of an outbox
    "before mark",  # the next step is to settle in the outbox what the broker has
    "before ack",  # what a broker's message led to is committed; the offset is where it was
]

FAULT_POINTS: Final[tuple[FaultPoint, ...]] = get_args(FaultPoint)


class FaultPoints:
    """Where tests hook in. The hook runs in whichever thread comes by, and must not block it."""

    __slots__ = ("hook",)

    def __init__(self) -> None:
        self.hook: Callable[[FaultPoint], None] | None = None

    def reach(self, point: FaultPoint) -> None:
        """Call the hook, if there is one. What it raises is raised at that place."""
        if self.hook is not None:
            self.hook(point)
