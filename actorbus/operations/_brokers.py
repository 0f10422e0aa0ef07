"""What message brokers say of a bus's channels, asked from outside: nothing is consumed."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from actorbus.declaring._channel import Channel
from actorbus.declaring._kafka_channel import KafkaChannel
from actorbus.operations._findings import Finding, Status

if TYPE_CHECKING:
    from actorbus.channels.kafka._inquiry import TopicState


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered about a channel, or why nothing was."""

    channel: KafkaChannel
    group: str
    state: "TopicState | None"
    error: Exception | None = None


async def ask_brokers(channels: Iterable[Channel], bus: str) -> list[Answer]:
    """Ask about each channel that is on a broker, side by side; they come in their order."""
    asked = [one for one in channels if isinstance(one, KafkaChannel)]
    answers: dict[str, Answer] = {}

    async def ask(channel: KafkaChannel) -> None:
        answers[channel.name] = await trio.to_thread.run_sync(
            partial(_ask, channel, channel.group_name(bus)), abandon_on_cancel=True
        )

    async with trio.open_nursery() as nursery:
        for channel in asked:
            nursery.start_soon(ask, channel)
    return [answers[channel.name] for channel in asked]


def _ask(channel: KafkaChannel, group: str) -> Answer:
    from actorbus.channels.kafka._inquiry import ask  # noqa: PLC0415  its driver is an extra

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say is told here
    try:
        return Answer(channel, group, ask(channel, group))
    except Exception as error:  # noqa: BLE001  whatever its driver finds wrong is the answer
        return Answer(channel, group, None, error)


def look_at_brokers(answers: Iterable[Answer]) -> Iterable[Finding]:
    """Say which brokers cannot be reached, which topics are missing, and how far groups are."""
    for one in answers:
        status, text = _found(one)
        yield Finding("brokers", status, f"channel {one.channel.name!r}: {text}")


def _found(answer: Answer) -> tuple[Status, str]:
    topic, state = answer.channel.topic_name, answer.state
    if state is None:
        servers = ", ".join(answer.channel.server_list)
        return Status.WRONG, f"{servers} cannot be asked: {answer.error!r}"
    if not state.partitions:
        return Status.WARNING, f"topic {topic!r} is not there; the channel waits for it"
    behind = f"{state.lag} records behind" if state.begun else f"new: {state.lag} records are there"
    text = f"topic {topic!r} has {state.partitions} partitions; group {answer.group!r} is {behind}"
    return Status.OK, text
