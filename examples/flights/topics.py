"""The topics of the example at a broker of Kafka's."""

import asyncio
from contextlib import suppress

from examples.flights.app import CHANNELS, Topics

PARTITIONS = 6
"""As many processes can share the work on a topic."""


class NoTopics(Exception):
    """The broker cannot be asked, or does not make the topics."""


def make_topics(topics: Topics) -> None:
    """Make those that are not there. Raises NoTopics."""
    asyncio.run(_make_topics(topics))


async def _make_topics(topics: Topics) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: PLC0415  only with a broker
    from aiokafka.errors import KafkaError, TopicAlreadyExistsError  # noqa: PLC0415  as above

    admin = AIOKafkaAdminClient(bootstrap_servers=topics.servers)
    try:
        await admin.start()
        try:
            for name in CHANNELS:
                with suppress(TopicAlreadyExistsError):
                    await admin.create_topics([NewTopic(topics.of(name), PARTITIONS, 1)])
        finally:
            await admin.close()
    except KafkaError as error:
        raise NoTopics(f"broker {topics.servers}: {error!r}") from error
