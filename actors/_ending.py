"""What the loops tell the life of a cell: why an instance ended, and what a thread hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from actors._mailbox import Envelope
from actors._threads import Worker

if TYPE_CHECKING:
    from actors._timers import Timer


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an instance does not go on with its next message."""

    kind: Literal["failed", "abandoned", "stopped itself", "stop", "ordered", "overrun"]
    error: BaseException | None = None
    phase: Literal["start", "run"] = "run"
    envelope: Envelope | None = None
    """What was in hand and is not settled."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a thread hands back with the mailbox: a failure, or a message that it may not handle."""

    envelope: Envelope | None = None
    awaitable: Any = None
    ending: Ending | None = None


class Ticket:
    """The right of a thread to act for a cell; once it is void, what the thread did is dropped."""

    __slots__ = ("timer", "valid", "worker")

    def __init__(self, worker: Worker | None) -> None:
        self.worker = worker
        self.timer: Timer | None = None
        self.valid = True
