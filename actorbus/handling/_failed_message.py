"""What the handler of an error channel is given: a message that failed for good."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from actorbus._errors import InvalidSendOption
from actorbus._settlement import (
    FORGET,
    DeadLetter,
    DeadLetterReason,
    Failed,
    Failure,
    Forget,
    SendBack,
)
from actorbus.messages._message import Headers, Stored
from actorbus.options._options import Seconds, as_seconds


class StoredMessage(Stored, Protocol):
    """A message as the store has it."""

    @property
    def body(self) -> bytes: ...
    @property
    def replays(self) -> int: ...


class FailedMessage:
    """A message that failed for good, as the handler of its error channel gets it.

    `endpoint`, `channel` and `tenant` say where it failed ("" is the channel of a synchronous
    handler), `reason` why it was given up, `attempts` how often that endpoint began on it, and
    `failed_at` when it ended (Unix time). `exception`, `exception_message` and `traceback` are the
    last attempt's, None if it was never begun; `history` has all attempts, those before a replay
    included. `replays` counts how often it was sent back or replayed before. `body` is as stored;
    `headers` are the user's.

    A handler that returns has settled the matter: the message is gone, unless it called `replay` or
    `dead_letter`, which take effect with its transaction. One that raises is retried, and goes to
    the dead letters in the end, with both failures.
    """

    def __init__(
        self, stored: StoredMessage, failed: Failed, headers: Headers, read: Callable[[], Any]
    ) -> None:
        self.copy_id = stored.copy_id
        self.message_id = stored.message_id
        self.type_name = stored.type_name
        self.content_type = stored.content_type
        self.body = stored.body
        self.replays = stored.replays
        self.headers: Mapping[str, str] = MappingProxyType(dict(headers))
        self.endpoint = failed.endpoint
        self.channel = failed.channel
        self.tenant = failed.tenant
        self.reason = failed.reason
        self.exception = failed.exception
        self.exception_message = failed.exception_message
        self.traceback = failed.traceback
        self.attempts = failed.attempts
        self.failed_at = failed.failed_at
        self.history = failed.failures
        self._read = read
        self._attempt = headers.attempt
        self._wish: SendBack | str | None = None

    def __repr__(self) -> str:
        return f"<FailedMessage {self.type_name} of {self.endpoint}: {self.reason}>"

    @property
    def message(self) -> Any:
        """The message as the endpoint takes it; plain data if this process does not have that.

        Raises UndecodableMessage, which may be why it failed.
        """
        return self._read()

    def replay(self, delay: Seconds = 0.0) -> None:
        """Let it be handled where it failed, `delay` seconds later, with all its attempts.

        `replays` grows by one. Raises InvalidSendOption for a delay that is none, for a message
        that failed in a synchronous handler, and after `dead_letter` or `replay`.
        """
        seconds = as_seconds(delay)
        if seconds is None or seconds < 0:
            raise InvalidSendOption(f"replay: delay={delay!r} is not allowed: give 0 or more")
        if not self.channel:
            raise InvalidSendOption(
                f"replay: {self.endpoint} is synchronous, nothing would take it from a channel;"
                " send the message again"
            )
        self._decide(SendBack(self.channel, seconds))

    def dead_letter(self, reason: str = "") -> None:
        """Make it a dead letter of the endpoint where it failed; `reason` is added to its history.

        Raises InvalidSendOption after `dead_letter` or `replay`.
        """
        self._decide(str(reason) or "without a reason")

    def _decide(self, wish: SendBack | str) -> None:
        if self._wish is not None:
            raise InvalidSendOption(f"{self!r} was replayed or made a dead letter already")
        self._wish = wish

    def settlement(self, now: float) -> SendBack | DeadLetter | Forget:
        """Return what its handler wants to become of it, now that it has returned."""
        if self._wish is None:
            return FORGET
        if isinstance(self._wish, SendBack):
            return self._wish
        note = Failure("FailedMessage.dead_letter", self._wish, "", now, self._attempt)
        return DeadLetter(DeadLetterReason.REJECTED, of_error_channel=True, note=note)
