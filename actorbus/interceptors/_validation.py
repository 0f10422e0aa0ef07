"""Rules of a message's own that its types cannot say."""

from collections.abc import Callable
from typing import Any

from actorbus._errors import InvalidMessage, PermanentError
from actorbus.interceptors._passage import Invocation, Sending


class Validation:
    """Checks messages when they are sent, and again before they are handled.

    `bus.intercept(Validation())` calls the method `validate` of messages that have one;
    `Validation(function)` calls the function with the message. A ValueError refuses the message
    to its sender (InvalidMessage), with nothing sent. One that is stored already, maybe by an
    older program, becomes a dead letter without retries (PermanentError).
    """

    def __init__(self, check: Callable[[Any], object] | None = None) -> None:
        self._check = _own_rules if check is None else check

    def before_sending(self, sending: Sending) -> None:
        """Refuse a message that breaks the rules."""
        try:
            self._check(sending.message)
        except ValueError as error:
            raise InvalidMessage(f"{sending.type_name}: {error}") from error

    def before(self, invocation: Invocation) -> None:
        """Let a stored message that breaks the rules fail for good."""
        batch = invocation.handler.batch is not None
        try:
            for message in invocation.message if batch else (invocation.message,):
                self._check(message)
        except ValueError as error:
            raise PermanentError(f"{invocation.type_name}: {error}") from error


def _own_rules(message: Any) -> None:
    rules = getattr(message, "validate", None)
    if callable(rules) and not isinstance(message, type):
        rules()
