"""What the loops tell the life of a cell: why an instance ended, and what a thread hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from actors._lanes import Envelope, Item
from actors._mailbox import NOTHING
from actors._threads import Worker

Phase: TypeAlias = Literal["start", "run"]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an instance does not go on with its next message."""

    kind: Literal["failed", "abandoned", "stopped itself", "stop", "ordered", "overrun"]
    error: BaseException | None = None
    phase: Phase = "run"
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

    __slots__ = ("running", "seen", "valid", "worker")

    def __init__(self, worker: Worker | None) -> None:
        self.worker = worker
        self.running: list[Envelope] = []
        """The message that a time limit is kept for; whoever takes it out settles it."""
        self.valid = True
        self.seen = False
        """Whether who made it void saw a message in hand, and so accounts for it."""

    def make_void(self, hand: Item) -> None:
        """Take the right away; `hand` is what the thread has in hand."""
        self.seen = hand is not NOTHING
        self.valid = False

    def take(self) -> bool:
        """Take the running message out; False if it was taken: it has ended, or was given up."""
        try:
            self.running.pop()
        except IndexError:
            return False
        return True
