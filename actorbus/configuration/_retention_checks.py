"""Start-up check: deduplication keys are remembered longer than a message may wait. Pure.

A key that is forgotten while its message still waits does not stop a second copy of it.
"""

from collections.abc import Iterator

from actorbus._errors import Problem
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.options._options import Seconds, as_seconds
from actorbus.options._precedence import on_channel
from supervisors import Retry


def forgotten_too_soon(
    configuration: Configuration, retention: float, asked: Seconds | None
) -> Iterator[Problem]:
    """Say whose messages may wait for longer than their keys are remembered.

    `retention` is the store's, `asked` what the bus was told in its place. Delays that a function
    works out, or a sender asks for, are known only when messages are sent.
    """
    seconds = retention if asked is None else as_seconds(asked)
    if seconds is None or seconds <= 0:
        yield Problem(
            "ActorBus(...)",
            f"deduplicate_for={asked!r} is not allowed: give seconds (a number or a timedelta),"
            " more than 0",
        )
        return
    name = "the store's retention=" if asked is None else "deduplicate_for="
    for spec in configuration.handlers:
        longest = max((_wait(spec, each) for each in _channels(configuration, spec)), default=0.0)
        if longest >= seconds:
            yield Problem(
                spec.where,
                f"{name}{seconds:g} is over before a message of {spec.endpoint_id} is: its"
                f" delay and its retries may take {longest:g} s; remember them longer",
            )


def _channels(configuration: Configuration, spec: HandlerSpec) -> Iterator[Channel]:
    for channel in configuration.channels:
        if spec in configuration.endpoints_of(channel.name):
            yield channel


def _wait(spec: HandlerSpec, channel: Channel) -> float:
    delay = as_seconds(on_channel(spec, channel).delay) or 0.0
    return delay + longest_retries(spec.retry or channel.retry)


def longest_retries(retry: Retry) -> float:
    """Return how many seconds the pauses between all attempts may take together."""
    total = 0.0
    for attempt in range(1, retry.attempts):
        pause = retry.next_delay(attempt, 1.0) or 0.0
        total += pause
        if pause >= retry.maximum:  # all others are as long
            return total + min(retry.attempts - 1 - attempt, 2**63) * pause
    return total
