"""OneForOne: the failed child alone."""

from collections.abc import Sequence

from supervisors._state import ChildState
from supervisors._strategy import Children, Strategy


class OneForOne(Strategy):
    """Restart the failed child alone; restarts are counted per child.

    For children that do not depend on each other. Options: see Strategy.
    """

    __slots__ = ()

    def affected(self, children: Children, failed: ChildState) -> Sequence[ChildState]:
        """Return the failed child alone."""
        return (failed,)
