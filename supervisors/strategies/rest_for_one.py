"""RestForOne: the failed child and those that were started after it."""

from collections.abc import Sequence
from typing import ClassVar

from supervisors._state import ChildState
from supervisors._strategy import Children, Strategy, in_start_order


class RestForOne(Strategy):
    """Restart the failed child and those started after it; counted for all together.

    For children that each depend on those before it, which stay untouched. Options: see Strategy.
    """

    __slots__ = ()
    is_group: ClassVar[bool] = True

    def affected(self, children: Children, failed: ChildState) -> Sequence[ChildState]:
        """Return the failed child and those after it."""
        return [child for child in in_start_order(children) if child.index >= failed.index]
