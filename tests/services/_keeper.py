"""A process beside a session: it ends the servers of a session that died without doing so.

Its standard input ends when the session does, however that comes about. Each line before is
`+PID START` for a server that was started, or `-PID` for one that has been stopped.
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path


class Keeper:
    """The session's end of it. The folder is removed when the session is gone."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-s", __file__, folder],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the session's, which says when it has ended
            text=True,
        )

    def keep(self, pid: int, start: str) -> None:
        """End this process if the session dies; `start` tells it from a later one."""
        self._say(f"+{pid} {start}")

    def forget(self, pid: int) -> None:
        """Leave this process alone: it has ended."""
        self._say(f"-{pid}")

    def close(self) -> None:
        """End it: what it still keeps is ended, and the folder removed."""
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def main(folder: str) -> None:
    """Follow the session's lines; at their end, end what is left."""
    # A script: its folder is the path, and the package, with drivers and all, stays out of it.
    from _trees import kill_tree, started_at  # type: ignore[import-not-found]  # see above

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kept: dict[int, str] = {}
    for line in sys.stdin:
        pid, _, start = line[1:].rstrip("\n").partition(" ")
        if line[0] == "+":
            kept[int(pid)] = start
        else:
            kept.pop(int(pid), None)
    for process, start in kept.items():
        if started_at(process) == start:
            kill_tree(process)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
