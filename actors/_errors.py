"""What the runtime raises, by whose fault.

::

    Exception
    ├── pykka.ActorDeadError       yours: the actor, or its whole system, has ended
    ├── pykka.Timeout              the answer did not come in time
    └── ActorError
        ├── MailboxFull            yours: you send faster than the actor handles
        ├── NameTaken              yours: a sibling that is alive has this name
        ├── BlockingCall           yours: you would have stopped a running event loop
        ├── ReplyCancelled         you gave up a request before it was begun
        ├── ActorRestarted         theirs: the actor restarted with your request in hand
        ├── HandlerTimedOut        theirs: a handler ran longer than its `handler_timeout`
        ├── WorkerDied             theirs: a worker process ended while it ran a function
        ├── NotPicklable           yours: an argument or an answer that cannot leave its process
        ├── RemoteTraceback        the cause of what was raised in a worker process
        └── SystemFailed           theirs: a failure reached the root of the system
"""

from __future__ import annotations

from pykka import ActorDeadError, Timeout

__all__ = [
    "ActorDeadError",
    "ActorError",
    "ActorRestarted",
    "BlockingCall",
    "HandlerTimedOut",
    "MailboxFull",
    "NameTaken",
    "NotPicklable",
    "RemoteTraceback",
    "ReplyCancelled",
    "SystemFailed",
    "Timeout",
    "WorkerDied",
]


class ActorError(Exception):
    """Base of the errors that this package adds to Pykka's two."""


class MailboxFull(ActorError):
    """The mailbox holds as many messages as it may, and its policy is `fail`.

    Not raised by `await ref.send(message)`, which waits for room, nor for `stop`.
    Leaving a handler it is the sender's failure, and the sender resumes.
    """


class NameTaken(ActorError, ValueError):
    """Another child of the same parent that has not ended yet has this name."""


class BlockingCall(ActorError, RuntimeError):
    """A blocking wait on a thread that runs an event loop; await the reply instead.

    Not raised when the value is there already.
    """


class ReplyCancelled(ActorError):
    """The request was given up before the actor began it."""


class ActorRestarted(ActorError):
    """The actor restarted while it had the request in hand; what it did of it is not known."""


class HandlerTimedOut(ActorError):
    """A handler ran longer than the `handler_timeout` of its actor."""


class WorkerDied(ActorError):
    """A worker process ended while it ran a function: the kernel, a crash, an exit.

    `exit_code` or `signal` (its name) says how; the other is None.
    """

    def __init__(
        self, message: str, *, exit_code: int | None = None, signal: str | None = None
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.signal = signal


class NotPicklable(ActorError, TypeError):
    """An argument, a result or an exception cannot be pickled, so it cannot leave its process."""


class RemoteTraceback(ActorError):
    """The traceback of what was raised in a worker process, as text; its `__cause__` here."""

    def __str__(self) -> str:
        return f"\n{super().__str__()}"


class SystemFailed(ActorError):
    """A failure was escalated to the root of the system, which ended because of it."""
