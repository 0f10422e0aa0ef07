"""How far messages are looked up ahead of their handlers."""

import pytest
import trio

from actorbus.channels.kafka._ahead import LONGEST, SHORTEST, Ahead
from actorbus.channels.kafka._partitions import Delivery, Partition
from actorbus.testing._store_samples import from_broker


@pytest.fixture
def partition():
    return Partition(("orders", 0), 10_000)


@pytest.fixture
def ahead(partition):
    ahead = Ahead()
    for offset in range(2_000):
        delivery = Delivery(from_broker(str(offset), offset), partition, offset, offset)
        partition.open[offset] = delivery
        ahead.add([delivery])
    return ahead


async def test_while_enough_wait_nothing_is_looked_up(ahead, autojump_clock):
    await trio.sleep(1)
    assert len(ahead.take(waiting=0)) == SHORTEST
    assert ahead.take(waiting=SHORTEST) == []
    assert not ahead.is_wanted(waiting=SHORTEST)
    assert ahead.is_wanted(waiting=SHORTEST // 2)
    assert not ahead.is_wanted(waiting=0), "asked for already"


async def test_where_handlers_run_dry_stretches_grow_and_shrink_again(ahead, autojump_clock):
    await trio.sleep(1)
    sizes = [len(ahead.take(waiting=0)) for _ in range(5)]
    assert sizes == [50, 100, 200, 400, LONGEST]
    await trio.sleep(1)
    assert len(ahead.take(waiting=10)) == LONGEST // 2


async def test_what_is_another_processs_is_left_out(ahead, partition, autojump_clock):
    for offset in range(0, 2_000, 2):
        partition.forget(offset)
    await trio.sleep(1)
    assert {one.offset % 2 for one in ahead.take(waiting=0)} == {1}
