"""Start-up check: deduplication keys are remembered longer than a message may wait. Pure.

A key that is forgotten while its message still waits does not stop a second copy of it.
"""

from collections.abc import Iterator

from actorbus._errors import Problem
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.gateways._way import Way
from actorbus.options._options import Seconds, as_seconds
from actorbus.options._precedence import on_channel
from supervisors import Retry


def forgotten_too_soon(
    configuration: Configuration, retention: float, asked: Seconds | None
) -> Iterator[Problem]:
    """Say whose messages may wait for longer than their keys are remembered.

    `retention` is the store's, `asked` what the bus was told in its place. A message waits on the
    channel that a gateway sends it through, and on its handler's own. Delays that a function
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
    for spec, longest in _waits(configuration):
        if longest >= seconds:
            yield Problem(
                spec.where,
                f"{name}{seconds:g} is over before a message of {spec.endpoint_id} is: its"
                f" delay and its retries may take {longest:g} s; remember them longer",
            )
    for gateway, way, where in configuration.ways:
        longest = _wait_of(way)
        if longest >= seconds:
            yield Problem(
                where,
                f"{gateway}: {name}{seconds:g} is over before what it sends is: its delay and its"
                f" retries may take {longest:g} s; remember them longer",
            )


def _waits(configuration: Configuration) -> Iterator[tuple[HandlerSpec, float]]:
    """Return how long a message of each handler may wait, on the way to its channel and there."""
    on_its_way: dict[str, float] = {}
    there: dict[str, float] = {}
    for channel in configuration.channels:
        for spec in configuration.endpoints_of(channel.name):
            is_hop = spec.channel not in {None, channel.name}
            wait = _hop(channel) if is_hop else _wait(spec, channel)
            waits = on_its_way if is_hop else there
            waits[spec.endpoint_id] = max(wait, waits.get(spec.endpoint_id, 0.0))
    for spec in configuration.handlers:
        if spec.endpoint_id in there:
            hop = on_its_way.get(spec.endpoint_id, 0.0)
            yield spec, hop + there[spec.endpoint_id]


def _wait(spec: HandlerSpec, channel: Channel) -> float:
    delay = as_seconds(on_channel(spec, channel).delay) or 0.0
    return delay + longest_retries(spec.retry or channel.retry)


def _hop(channel: Channel) -> float:
    return (as_seconds(channel.delay) or 0.0) + longest_retries(channel.retry)


def _wait_of(way: Way) -> float:
    delay = as_seconds(way.options.get("delay")) or 0.0
    return delay + (0.0 if way.later is None else longest_retries(way.later))


def longest_retries(retry: Retry) -> float:
    """Return how many seconds the pauses between all attempts may take together."""
    total = 0.0
    for attempt in range(1, retry.attempts):
        pause = retry.next_delay(attempt, 1.0) or 0.0
        total += pause
        if pause >= retry.maximum:  # all others are as long
            return total + min(retry.attempts - 1 - attempt, 2**63) * pause
    return total
