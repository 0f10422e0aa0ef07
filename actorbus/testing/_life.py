"""What happens to messages in a test: what was sent, and the spans of each message's life."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from actorbus._bus_events import MessageDied
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.handling._batch_failed import BatchFailed
from actorbus.handling._batch_headers import BatchHeaders
from actorbus.interceptors._passage import Invocation, Sending
from actorbus.messages._message import Headers
from actorbus.transactions._unit_of_work import current_unit_of_work

Outcome = Literal["waited", "handled", "failed", "dead letter"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that left: its sender's transaction was committed, if it had one."""

    kind: Kind
    message: Any
    type_name: str
    headers: Mapping[str, str]
    options: Mapping[str, Any]
    at: datetime

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.kind} {self.message!r}"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a message's life at one handler, from `begun` to `ended`.

    "waited" is the time before a handler started, on a channel; "handled" and "failed" are its
    runs, with the `error` of the latter; "dead letter" is the moment of the end, with the reason
    in `note`. `attempt` counts the starts from 1.
    """

    outcome: Outcome
    message: Any
    message_id: str
    type_name: str
    endpoint: str
    tenant: str
    attempt: int
    begun: datetime
    ended: datetime
    correlation_id: str = ""
    causation_id: str = ""
    error: BaseException | None = None
    note: str = ""
    function: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ended - self.begun).total_seconds()

    def __str__(self) -> str:
        why = f": {self.error!r}" if self.error is not None else f": {self.note}" * bool(self.note)
        when = f"{self.begun:%H:%M:%S} +{self.seconds:g} s"
        return f"{when} {self.endpoint} {self.outcome}, attempt {self.attempt}{why}"


class Life:
    """Records what happens on a bus, and lets handlers fail. On the trio side only."""

    def __init__(self, now: Callable[[], datetime], at: Callable[[float], datetime]) -> None:
        self._now = now
        self._at = at
        self._last: dict[str, datetime] = {}
        self._messages: dict[str, Any] = {}
        self._failures: Counter[str] = Counter()
        self._errors: dict[str, Any] = {}
        self.sent: list[Sent] = []
        self.spans: list[Span] = []

    def fail(self, endpoint: str, times: int, error: Any) -> None:
        """Let the next runs of a handler fail."""
        self._failures[endpoint] = times
        self._errors[endpoint] = error

    async def sending(self, sending: Sending) -> Any:
        """Note a message once it has left."""
        result = await sending.proceed()
        options = {name: value for name, value in sending.options.items() if name != "headers"}
        kind, name, message = sending.kind, sending.type_name, sending.message
        sent = Sent(kind, message, name, dict(sending.headers), options, self._now())

        async def note() -> None:
            self.sent.append(sent)

        unit = current_unit_of_work.get()
        if unit is None or unit.reads_only or unit.ended:
            await note()
        else:
            unit.after_commit(note)
        return result

    async def handling(self, invocation: Invocation) -> Any:
        """Note how a handler runs, or let it fail; a batch is noted message by message."""
        spec, begun, parts = invocation.handler, self._now(), _parts(invocation)
        for message, headers in parts:
            self._waited(spec, message, headers, begun)
        error: BaseException | None = None
        try:
            self._fail_if_told(spec.endpoint_id)
            return await invocation.proceed()
        except BaseException as raised:
            error = raised
            raise
        finally:
            ended = self._now()
            for (message, headers), own in zip(parts, _errors(error, len(parts)), strict=True):
                outcome: Outcome = "handled" if own is None else "failed"
                self._last[_key(spec, headers)] = ended
                self.spans.append(_span(outcome, spec, message, headers, (begun, ended), own))

    def died(self, event: object) -> None:
        """Note a dead letter."""
        if not isinstance(event, MessageDied):
            return
        now = self._now()
        self.spans.append(
            Span(
                "dead letter",
                self._messages.get(event.message_id),
                event.message_id,
                "",
                event.endpoint,
                event.tenant,
                event.attempt,
                now,
                now,
                error=event.exception,
                note=event.reason,
            )
        )

    def _waited(self, spec: HandlerSpec, message: Any, headers: Headers, begun: datetime) -> None:
        self._messages[headers.id] = message
        if headers.copy_id in {"", headers.id}:  # called synchronously: it waited for nothing
            return
        since = self._last.get(_key(spec, headers), self._at(headers.timestamp))
        self.spans.append(_span("waited", spec, message, headers, (since, begun)))

    def _fail_if_told(self, endpoint: str) -> None:
        if self._failures[endpoint] <= 0:
            return
        self._failures[endpoint] -= 1
        error = self._errors[endpoint]
        raise error() if isinstance(error, type) else copy.copy(error)


def _key(spec: HandlerSpec, headers: Headers) -> str:
    return f"{headers.copy_id}/{spec.endpoint_id}"


def _parts(invocation: Invocation) -> list[tuple[Any, Headers]]:
    """Return the messages of an invocation with their headers: one, or those of a batch."""
    headers = invocation.headers
    if isinstance(headers, BatchHeaders):
        return list(zip(invocation.message, headers.each, strict=True))
    return [(invocation.message, headers)]


def _errors(error: BaseException | None, count: int) -> list[BaseException | None]:
    """Return the error of each message: its own where the handler of a batch named some."""
    if isinstance(error, BatchFailed):
        return [error.failures.get(place) for place in range(count)]
    return [error] * count


def _span(  # noqa: PLR0917  what a span is made of
    outcome: Outcome,
    spec: HandlerSpec,
    message: Any,
    headers: Headers,
    time: tuple[datetime, datetime],
    error: BaseException | None = None,
) -> Span:
    return Span(
        outcome,
        message,
        headers.id,
        headers.type_name,
        spec.endpoint_id,
        headers.tenant,
        headers.attempt,
        *time,
        headers.correlation_id,
        headers.causation_id,
        error,
        function=spec.function,
    )
