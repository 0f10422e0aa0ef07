"""What a broker says about a channel: whether it answers, has the topic, and what is left there.

Nothing is changed: it asks without joining the channel's group.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from actorbus.channels.kafka._session import make_consumer
from actorbus.declaring._kafka_channel import KafkaChannel

WITHIN: Final = 10.0
"""Seconds for all answers."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A channel's topic, as its broker has it, and how far the channel's group is."""

    partitions: int
    """0: there is no such topic."""
    begun: bool = False
    """Whether the group has committed something."""
    lag: int = 0
    """How many records the group has not committed; marks of transactions are among them."""


def ask(channel: KafkaChannel, group: str) -> TopicState:
    """Ask the broker; blocks. Raises KafkaError, OSError, TimeoutError and ValueError."""
    return asyncio.run(_ask(channel, group))


async def _ask(channel: KafkaChannel, group: str) -> TopicState:
    consumer = make_consumer(channel, group)
    try:
        async with asyncio.timeout(WITHIN):
            await consumer.start()
            return await _state(consumer, channel)
    finally:
        with contextlib.suppress(TimeoutError, KafkaError):  # what it has said counts
            await asyncio.wait_for(consumer.stop(), WITHIN)


async def _state(consumer: AIOKafkaConsumer, channel: KafkaChannel) -> TopicState:
    topic = channel.topic_name
    # Public methods know the topics that are subscribed to, or no partitions.
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001  see above
    numbers = cluster.partitions_for_topic(topic)
    if not numbers:
        return TopicState(0)
    places = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(places)
    committed = {each: await consumer.committed(each) for each in places}
    first = await consumer.beginning_offsets(places)
    ends = await consumer.end_offsets(places)
    left = (ends[each] - max(committed[each] or 0, first[each]) for each in places)
    begun = any(offset is not None for offset in committed.values())
    return TopicState(len(places), begun, sum(max(0, one) for one in left))
