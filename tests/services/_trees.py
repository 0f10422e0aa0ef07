"""Signals to a process and all that it started, as Linux lists them in /proc."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

NEVER_STARTED = ""


def started_at(pid: int) -> str:
    """Return when the process began, which tells it from a later one with its number.

    Empty when there is no such process, or only its exit code is left.
    """
    fields = _fields(pid)
    return NEVER_STARTED if fields is None or fields[0] in {"Z", "X"} else fields[19]


def descendants(pid: int) -> list[int]:
    """Return its children, their children, and so on, parents first."""
    children: dict[int, list[int]] = {}
    for other in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
        fields = _fields(other)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(other)
    return list(_below(pid, children))


def signal_tree(pid: int, number: int) -> list[int]:
    """Send a signal to the process and all below it; return whom it was sent to.

    The process is stopped meanwhile, so that it starts nobody who would be missed.
    """
    _send(pid, signal.SIGSTOP)
    everybody = [pid, *descendants(pid)]
    for one in everybody:
        _send(one, number)
    if number != signal.SIGSTOP:
        _send(pid, signal.SIGCONT)
    return everybody


def kill_tree(pid: int, *, within: float = 10.0) -> None:
    """Kill the process and all below it, and wait until they are gone."""
    deadline = time.monotonic() + within
    for one in signal_tree(pid, signal.SIGKILL):
        while started_at(one) and time.monotonic() < deadline:
            time.sleep(0.002)


def _fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat that follow the name: state, parent, ..."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(pid, ()):
        yield child
        yield from _below(child, children)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
