"""How far a consumer group has committed. It imports nothing but the driver."""

import asyncio
import time

from aiokafka.admin import AIOKafkaAdminClient

POLL = 0.005


async def until_committed(servers: str, group: str, messages: int) -> float:
    """Wait until the group has committed so many messages, and return when that was seen."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        while await _committed(admin, group) < messages:  # noqa: ASYNC110 - it is the broker that tells
            await asyncio.sleep(POLL)
        return time.perf_counter()
    finally:
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str) -> int:
    offsets = await admin.list_consumer_group_offsets(group)
    return sum(max(0, one.offset) for one in offsets.values())
