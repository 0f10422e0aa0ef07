"""What a sender or its gateway says about handling and failures: it travels with each message.

It is kept as JSON text, so that every process that handles the message knows it, whether or not
that process has the gateway.
"""

from functools import lru_cache

import msgspec

from actorbus._errors import UndecodableMessage
from supervisors import Retry


class RetryAsStored(msgspec.Struct, frozen=True):
    """A `Retry`, field by field."""

    attempts: int
    initial: float
    factor: float
    maximum: float
    jitter: float


class FailurePolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The gateway's error channel, the message's retries and time limit in seconds.

    None leaves it to handler and channel.
    """

    error_channel: str | None = None
    stored_retry: RetryAsStored | None = msgspec.field(default=None, name="retry")
    timeout: float | None = None

    @property
    def retry(self) -> Retry | None:
        """The message's own retries, or its gateway's."""
        stored = self.stored_retry
        return None if stored is None else Retry(**msgspec.structs.asdict(stored))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FailurePolicy).decode


@lru_cache(100)
def own_policy_text(gateways: str | None, retry: Retry | None, timeout: float | None) -> str | None:
    """Return the text of a gateway's policy with what one message says of its own before it."""
    policy = policy_of(gateways)
    return policy_text(policy.error_channel, retry or policy.retry, timeout)


def policy_text(
    error_channel: str | None, retry: Retry | None, timeout: float | None = None
) -> str | None:
    """Return the text of a policy, None if it says nothing."""
    if error_channel is None and retry is None and timeout is None:
        return None
    stored = None
    if retry is not None:
        stored = RetryAsStored(
            retry.attempts, retry.initial, retry.factor, retry.maximum, retry.jitter
        )
    channel = None if error_channel is None else str(error_channel)  # of a subclass the text
    return _encode(FailurePolicy(channel, stored, timeout)).decode()


def policy_of(text: str | None) -> FailurePolicy:
    """Return the policy that travels with a message. One that was damaged says nothing."""
    try:
        return NO_POLICY if text is None else _decode(text)
    except msgspec.MsgspecError:  # `checked_policy` makes its message a dead letter
        return NO_POLICY


def checked_policy(text: str | None) -> FailurePolicy:
    """Return the policy that travels with a message. Raises UndecodableMessage."""
    try:
        return NO_POLICY if text is None else _decode(text)
    except msgspec.MsgspecError as error:
        raise UndecodableMessage(f"its on_failure in the store is damaged: {error}") from error


NO_POLICY = FailurePolicy()
