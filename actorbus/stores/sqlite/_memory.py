"""Where a store in memory lies: a temporary folder, for as long as a store on it is open."""

import tempfile
from pathlib import Path


class MemoryFolder:
    """The folder of one store in memory, or of several that share their data."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._users = 0

    def enter(self) -> str:
        """Return the path of the database; the first to enter makes its folder."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="actorbus-")
        self._users += 1
        return str(Path(self._folder.name) / "memory.db")

    def leave(self) -> None:
        """Remove the folder, with the last who leaves it."""
        self._users -= 1
        if self._users == 0 and self._folder is not None:
            self._folder.cleanup()
            self._folder = None
