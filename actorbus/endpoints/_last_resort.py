"""Where a message goes that failed for good: to an error channel, or to the dead letters.

Rules:
 1. The most specific error channel counts: the gateway's, then the handler's, then the channel's.
 2. What an error handler fails with never goes to an error channel again. It becomes a dead letter
    of the endpoint where it failed first, with both failures.
 3. A channel that this process does not know, or without an error handler here, which only a
    message of another version can name, is none: the dead letters are always there.
"""

from collections.abc import Callable
from dataclasses import replace

from actorbus._settlement import DeadLetter, DeadLetterReason, Divert
from actorbus._store import Claimed
from actorbus.endpoints._plan import EndpointPlan
from actorbus.options._failure_policy import policy_of
from supervisors import Retry


class LastResort:
    """The rules for one endpoint. `error_endpoint` finds the error handler of a channel."""

    def __init__(self, plan: EndpointPlan, error_endpoint: Callable[[str], str | None]) -> None:
        self._plan = plan
        self._error_endpoint = error_endpoint
        self._is_error_handler = plan.spec.kind == "error"

    def retry_of(self, claimed: Claimed) -> Retry:
        """Return the retries of a message: its gateway's, its handler's, or its channel's."""
        retry = self._plan.judge.retry
        if claimed.on_failure is None or self._is_error_handler:
            return retry
        return policy_of(claimed.on_failure).retry or retry

    def final(self, claimed: Claimed, letter: DeadLetter) -> DeadLetter | Divert:
        """Return what becomes of a message that would be a dead letter."""
        if self._is_error_handler:
            failed = letter.failure is not None
            reason = DeadLetterReason.ERROR_HANDLER_FAILED if failed else letter.reason
            return replace(letter, reason=reason, of_error_channel=True)
        channel = policy_of(claimed.on_failure).error_channel or self._plan.error_channel
        endpoint = None if channel is None else self._error_endpoint(channel)
        if channel is None or endpoint is None:
            return letter
        return Divert(channel, endpoint, letter.reason, letter.failure)
