"""The bus's errors, flat, each named by whose fault it is.

    ActorBusError
    ├── BusConfigurationError     the program's: every problem found at start-up, in one error
    ├── MessageRefused            the sender's: nothing was sent
    │   ├── UnknownMessageType    no type of that name, or a class that was never registered
    │   ├── InvalidMessage        the body does not convert, or is too large
    │   ├── InvalidHeader         a header that is not text
    │   ├── InvalidSendOption     a delay in the past, an option that the destination cannot honour
    │   └── NoHandler             a command or a query that nothing handles
    ├── BusStateError             the caller's: the bus is not running, runs already, or was forked
    ├── UndecodableMessage        the message's: it goes to the dead letters without retries
    ├── PermanentError            a handler's: raise it (or a subclass) to skip the retries
    ├── HandlerTimeout            a handler ran longer than its `timeout`
    ├── QueryTimeout              the asker's: no answer within its `timeout`; a TimeoutError too
    ├── QueryFailed               the asker's: what a handler beyond a channel raised
    ├── TransactionError          the unit of work: over, read-only, or to be rolled back
    │   ├── HandlerEnded
    │   ├── ReadOnlyTransaction
    │   └── RollbackOnly
    ├── NestedTooDeep             synchronous handlers that call each other without an end
    ├── NotProceeded              an interceptor that forgot to call what it is around
    └── SubscribersFailed         an ExceptionGroup: synchronous subscribers that failed

`ConfigurationError` is that of `supervisors`, for options that are refused where they are written
(`Retry(attempts=0)`). BusConfigurationError is one too: `except ConfigurationError` has both.
`RetryAfter`, a handler's own delay, is in `options._retry_after`.
The store's errors (locked, unavailable, schema) are ActorBusErrors too: StoreError in `_store`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from supervisors import ConfigurationError


class ActorBusError(Exception):
    """The root of the bus's errors."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a bus's configuration, and where it was written."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class BusConfigurationError(ActorBusError, ConfigurationError):
    """The program's: all that is wrong with the bus, found before it starts."""

    problems: tuple[Problem, ...]  # type: ignore[assignment]  # the same, with their places

    def __init__(self, bus: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"bus {bus!r}", *map(str, problems))
        self.bus = bus
        self.problems = tuple(problems)

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{self.owner} cannot start, {count}:{lines}"

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.bus, self.problems)


class MessageRefused(ActorBusError):
    """The sender's: the message was refused at the gateway, and nothing was sent."""


class UnknownMessageType(MessageRefused):
    """No message type of that name is registered on this bus."""


class InvalidMessage(MessageRefused):
    """The body does not convert to its type, or is larger than the bus's limit."""


class InvalidHeader(MessageRefused):
    """A header's name or value is not text."""


class InvalidSendOption(MessageRefused):
    """A delay in the past, or an option that this destination cannot honour."""


class NoHandler(MessageRefused):
    """A command or a query that no handler of this bus takes. Events need no subscriber."""


class BusStateError(ActorBusError):
    """The caller's: the bus is not running, runs already, or was inherited through a fork."""


class UndecodableMessage(ActorBusError):
    """A stored body does not convert to its handler's type. Retrying cannot help: dead letter."""


class PermanentError(ActorBusError):
    """Raise this, or a subclass, in a handler: the message goes to the dead letters at once.

    For errors that are not yours, name their types in the handler's `permanent=(...)`.
    """


class HandlerTimeout(ActorBusError):
    """A handler ran longer than its `timeout` and was cancelled; a plain one was given up."""


class QueryTimeout(ActorBusError, TimeoutError):
    """No answer to a query came within its asker's `timeout`. A late one is dropped, counted."""


class QueryFailed(ActorBusError):
    """The handler of a query that came through a channel failed.

    `endpoint` is the handler's id, `exception` the qualified name of what it raised, `text` what
    that said. The exception itself stays where the handler ran.
    """

    def __init__(self, endpoint: str, exception: str, text: str) -> None:
        super().__init__(f"{endpoint}: {exception}: {text}")
        self.endpoint = endpoint
        self.exception = exception
        self.text = text

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        return type(self), (self.endpoint, self.exception, self.text)


class TransactionError(ActorBusError):
    """The handler's unit of work cannot do what was asked of it."""


class HandlerEnded(TransactionError):
    """The handler that this transaction belongs to has ended, well or not.

    A task that outlives its handler sends in a context of its own: `with actorbus.detached():`.
    """


class ReadOnlyTransaction(TransactionError):
    """A query handler reads a snapshot: it neither writes nor sends."""


class RollbackOnly(TransactionError):
    """The transaction cannot commit, since a part of it failed earlier."""


class NestedTooDeep(ActorBusError):
    """Synchronous handlers called each other too deep: each waits inside the one before."""


class NotProceeded(ActorBusError):
    """An `around` interceptor returned None and had not said why nothing was called.

    It is to await `proceed()`, or to say `skip()`, or `answer(...)`.
    """


class SubscribersFailed(ActorBusError, ExceptionGroup[Exception]):
    """Synchronous subscribers of one event failed; the others ran.

    Its `exceptions` are theirs, in declared order, each with a note that names its endpoint;
    `endpoints` are those names. The publisher's transaction can no longer commit.
    """

    endpoints: tuple[str, ...]

    def __new__(cls, message: str, exceptions: Sequence[Exception]) -> Self:
        self = super().__new__(cls, message, exceptions)
        self.endpoints = ()
        return self

    def derive(self, excs: Sequence[Exception], /) -> "SubscribersFailed":  # type: ignore[override]  # only Exceptions are ever put in
        return SubscribersFailed(self.message, excs)
