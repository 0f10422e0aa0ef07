"""When a consumption ends by itself, and what is told about it afterwards. Values, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from actorbus.options._options import Seconds, as_seconds

MEMORY_FILE: Final = Path("/proc/self/statm")
"""Where Linux tells how much memory a process holds."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A message that was begun and not finished when the bus stopped. It is ready for others."""

    endpoint: str
    copy_id: str
    message_id: str


class Ending(StrEnum):
    """Why a run ended."""

    SIGNAL = "a signal asked for it"
    STOPPED = "the program asked for it"
    IDLE = "nothing is ready or due"
    DURATION = "its time is over"
    LIMIT = "its number of messages is reached"
    FAILURE = "a message failed"
    MEMORY = "its memory limit is reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends a run in order, whichever comes first: the intake stops, what was begun finishes.

    - `messages`: exactly so many are handled, and never one more begun. One that fails gives its
      place to another, so a message counts once, when it was handled.
    - `seconds` (or a timedelta): so long after the start.
    - `memory`: more bytes than this are resident. Looked at each second; on Linux.
    - `failures`: so many attempts have failed, retried ones and dead letters alike.
    - `idle`: nothing is ready, due or begun on the channels that are consumed.

    None, and False, are no limit. Checked when the run starts.
    """

    messages: int | None = None
    seconds: Seconds | None = None
    memory: int | None = None
    failures: int | None = None
    idle: bool = False

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these limits, a sentence each."""
        for name in ("messages", "memory", "failures"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                yield f"{name}={value!r} is not a whole number of at least 1"
        if self.seconds is not None and (as_seconds(self.seconds) or 0) <= 0:
            yield f"seconds={self.seconds!r} is not allowed: give seconds above 0, or a timedelta"
        if self.memory is not None and not MEMORY_FILE.exists():
            yield f"memory={self.memory!r} is not allowed: only Linux says how much is resident"
        if type(self.idle) is not bool:
            yield f"idle={self.idle!r} is not allowed: give True or False"

    @property
    def duration(self) -> float | None:
        """The time limit in seconds."""
        return None if self.seconds is None else as_seconds(self.seconds)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, and what became of the messages in it."""

    ending: Ending
    reason: str
    """In words: those of whoever asked for the end, or of the limit that was reached."""
    seconds: float
    handled: int
    retried: int
    dead: int
    unfinished: tuple[Unfinished, ...]
    """What was begun and cut off. It is ready for others."""
