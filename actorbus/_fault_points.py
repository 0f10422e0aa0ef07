"""Named points at which a test lets something happen: a kill, a stall, an error.

Whatever has such points gets an object of these, which does nothing until a test sets its `hook`.
"""

from collections.abc import Callable


class FaultPoints:
    """The fault points of one running bus."""

    __slots__ = ("hook",)

    def __init__(self) -> None:
        self.hook: Callable[[str], None] | None = None
        """Called with the name of each point that is reached, on the thread that reaches it."""

    def reach(self, name: str) -> None:
        """Say that a point is reached."""
        if self.hook is not None:
            self.hook(name)
