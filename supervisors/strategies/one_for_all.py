"""OneForAll: all the children together."""

from collections.abc import Sequence
from typing import ClassVar

from supervisors._state import ChildState
from supervisors._strategy import Children, Strategy, in_start_order


class OneForAll(Strategy):
    """Restart all the children when one fails; restarts are counted for all together.

    For children that are of no use to each other half renewed. Options: see Strategy.
    """

    __slots__ = ()
    is_group: ClassVar[bool] = True

    def affected(self, children: Children, failed: ChildState) -> Sequence[ChildState]:
        """Return all the children."""
        return in_start_order(children)
