"""The order of messages with ordering keys while they are handled from a broker. Pure.

Rules:
 1. Of a key's messages the first is let out; the others wait behind it, in their order.
 2. If it is dealt with, the next one is let out. If it is given back, it is first again.
 3. If it lies in the store from now on, all others of its key follow it there, in their order, and
    so do those that come until they are there: `moved` has them.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeyLines(Generic[T]):
    """The lines of all keys that have a message here."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, deque[T]] = {}
        self._moving: set[Hashable] = set()
        self.moved: list[T] = []

    def __contains__(self, key: Hashable) -> bool:
        """Whether a message of this key is here."""
        return key in self._lines or key in self._moving

    def join(self, key: Hashable, one: T) -> bool:
        """Add a message; return whether it is the first, and let out."""
        if key in self._moving:
            self.moved.append(one)
            return False
        line = self._lines.get(key)
        if line is not None:
            line.append(one)
            return False
        self._lines[key] = deque([one])
        return True

    def leave(self, key: Hashable) -> T | None:
        """Note that the first one is dealt with; return the one that is let out now."""
        line = self._lines.get(key)
        if not line:
            return None
        line.popleft()
        if line:
            return line[0]
        del self._lines[key]
        return None

    def move(self, key: Hashable) -> None:
        """Note that the first one lies in the store from now on: the others are to follow it."""
        line = self._lines.pop(key, None)
        if line:
            line.popleft()
            self.moved.extend(line)
        self._moving.add(key)

    def take_moved(self) -> list[T]:
        """Return those that are to follow others into the store. They are there before the next."""
        moved, self.moved = self.moved, []
        self._moving.clear()
        return moved

    def drop(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Remove messages; return those that are let out because who was before them is gone."""
        let_out: list[T] = []
        self.moved = [one for one in self.moved if not unwanted(one)]
        for key, line in list(self._lines.items()):
            left = deque(one for one in line if not unwanted(one))
            if not left:
                del self._lines[key]
                continue
            if left[0] is not line[0]:
                let_out.append(left[0])
            self._lines[key] = left
        return let_out
