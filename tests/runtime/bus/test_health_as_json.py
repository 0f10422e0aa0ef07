"""The health of a bus goes through whatever writes dataclasses as JSON."""

import json
from dataclasses import asdict, dataclass

import pytest
from pydantic import TypeAdapter

from actorbus import ActorBus, BusHealth


@dataclass(frozen=True)
class Placed:
    number: int


@pytest.fixture
async def health():
    """A report with a channel, an endpoint, a synchronous one, and a queue."""
    bus = ActorBus("shop")
    bus.add_channel("mail")

    @bus.event_handler(channel="mail", delay=3600, endpoint_id="confirm")
    async def confirm(event: Placed): ...

    @bus.event_handler(endpoint_id="reserve")
    async def reserve(event: Placed): ...

    async with bus.running():
        await bus.events.publish(Placed(1))
        yield await bus.health()


def checked(document):
    assert document["condition"] == "healthy"
    assert document["channels"][0]["endpoints"][0]["endpoint"] == "confirm"
    assert document["synchronous"][0]["succeeded"] == 1
    assert document["queues"][0]["waiting"] == 1


async def test_the_standard_library_writes_it(health):
    checked(json.loads(json.dumps(asdict(health))))


async def test_pydantic_and_so_fastapi_writes_it_by_its_annotation(health):
    checked(json.loads(TypeAdapter(BusHealth).dump_json(health)))


async def test_fastapi_writes_it_without_an_annotation():
    encoders = pytest.importorskip("fastapi.encoders", reason="FastAPI is an extra of the examples")
    bus = ActorBus("shop")
    async with bus.running():
        assert encoders.jsonable_encoder(await bus.health())["condition"] == "healthy"
