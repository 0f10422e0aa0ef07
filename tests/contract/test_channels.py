"""What every channel keeps to, whatever it is on: one suite, driven by declared capabilities.

A message that asks for what its channel cannot do is refused when the bus starts, or to its sender;
it is never ignored. A kind of channel is one more entry of `KINDS`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CombinedChannel,
    DeadLetterFilter,
    EventBus,
    Headers,
    InvalidSendOption,
    KafkaChannel,
    Retry,
    StoreChannel,
    Transaction,
    header,
)
from actorbus.declaring._channel import CAPABILITIES

CHANNEL = "work"


@dataclass(frozen=True)
class Job:
    number: int


@dataclass
class Kind:
    """A kind of channel: where its bus keeps its data, and how it is declared."""

    store: str
    kafka: dict[str, Any] = field(default_factory=dict)
    combined: bool = False

    def bus(self, **options: Any) -> ActorBus:
        """Return a bus with the channel; messages that fail are tried again soon."""
        options = {"retry": Retry(attempts=3, initial=0.05, jitter=0), **options}
        bus = ActorBus("shop", self.store)
        if not self.kafka:
            bus.add_channel(StoreChannel(CHANNEL, **options))
            return bus
        name = "kafka" if self.combined else CHANNEL
        quick: dict[str, Any] = {"session_timeout": 2.0, "commit_every": 0.2}
        bus.add_channel(KafkaChannel(name, **self.kafka, **quick, **options))
        if self.combined:
            bus.add_channel(CombinedChannel(["outbox", "kafka"], name=CHANNEL))
        return bus

    @property
    def capabilities(self) -> frozenset[str]:
        """What its messages may ask for."""
        return KafkaChannel("k", servers="k:1").capabilities if self.kafka else CAPABILITIES


KINDS = ("memory", "sqlite", "postgresql", "kafka", "kafka behind an outbox")


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    """Each kind of channel in turn."""
    if request.param == "memory":
        return Kind(":memory:")
    if request.param == "postgresql":
        return Kind(request.getfixturevalue("postgres"))
    store = f"sqlite:///{tmp_path}/shop.db"
    if request.param == "sqlite":
        return Kind(store)
    topic = request.getfixturevalue("topic")
    servers = request.getfixturevalue("kafka_server").servers
    combined = request.param != "kafka"
    return Kind(store, {"servers": servers, "topic": topic}, combined=combined)


class Seen(list[int]):
    """The numbers of jobs that were handled."""

    def __init__(self) -> None:
        super().__init__()
        self.news = trio.Event()

    def append(self, number: int) -> None:
        super().append(number)
        self.news.set()
        self.news = trio.Event()

    async def until(self, count: int) -> list[int]:
        """Wait until so many were handled."""
        with trio.fail_after(40):
            while len(self) < count:
                await self.news.wait()
        return list(self)


@pytest.fixture
def seen():
    return Seen()


async def test_what_is_sent_is_handled_once_with_its_headers(kind, seen):
    bus = kind.bus()
    given = []

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, headers: Headers, tx: Transaction) -> None:
        given.append((headers.id, headers["customer"], headers.attempt))
        seen.append(job.number)

    async with bus.running():
        for number in range(10):
            await bus.events.publish(
                Job(number), headers={"customer": "Größe & Co"}, message_id=f"job-{number}"
            )
        assert sorted(await seen.until(10)) == list(range(10))
        await bus.idle()
    assert sorted(given) == [(f"job-{n}", "Größe & Co", 1) for n in range(10)]


async def test_every_subscriber_gets_a_copy_of_its_own(kind, seen):
    bus = kind.bus()

    @bus.event_handler(channel=CHANNEL, endpoint_id="one")
    async def one(job: Job) -> None:
        seen.append(job.number)

    @bus.event_handler(channel=CHANNEL, endpoint_id="two")
    async def two(job: Job, tx: Transaction) -> None:
        seen.append(job.number + 100)

    async with bus.running():
        for number in range(5):
            await bus.events.publish(Job(number))
        assert sorted(await seen.until(10)) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]


async def test_what_fails_is_tried_again_and_holds_up_no_other(kind, seen):
    bus = kind.bus()
    attempts = []

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, headers: Headers, tx: Transaction) -> None:
        if job.number == 0:
            attempts.append(headers.attempt)
            if headers.attempt < 3:
                raise ValueError("not yet")
        seen.append(job.number)

    async with bus.running():
        for number in range(5):
            await bus.events.publish(Job(number))
        assert sorted(await seen.until(5)) == [0, 1, 2, 3, 4]
    assert attempts == [1, 2, 3]


async def test_what_fails_for_good_is_a_dead_letter_and_is_replayed(kind, seen):
    bus = kind.bus(retry=Retry(attempts=1))
    works = trio.Event()

    @bus.event_handler(channel=CHANNEL, endpoint_id="work")
    async def work(job: Job, tx: Transaction) -> None:
        if not works.is_set():
            works.set()
            raise ValueError("no")
        seen.append(job.number)

    async with bus.running():
        await bus.events.publish(Job(7), message_id="seven")
        with trio.fail_after(40):
            while not (letters := await bus.dead_letters.list()):  # noqa: ASYNC110  another actor's
                await trio.sleep(0.02)
        assert [(one.message_id, one.endpoint, one.attempts) for one in letters] == [
            ("seven", "work", 1)
        ]
        await bus.dead_letters.replay(DeadLetterFilter(message_id="seven"))
        assert await seen.until(1) == [7]
        await bus.idle()
        assert await bus.dead_letters.list() == []


async def test_what_a_failing_handler_sends_does_not_leave(kind, seen):
    bus = kind.bus(retry=Retry(attempts=2, initial=0.05, jitter=0))

    @bus.event_handler("begin", channel=CHANNEL)
    async def starts(data: dict[str, int], headers: Headers, events: EventBus) -> None:
        await events.publish(Job(headers.attempt))
        if headers.attempt == 1:
            raise ValueError("after it was sent")

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, tx: Transaction) -> None:
        seen.append(job.number)

    async with bus.running():
        await bus.events.publish({"n": 1}, routing_key="begin")
        assert await seen.until(1) == [2]
        await bus.idle()
    assert seen == [2]


async def test_a_message_id_is_handled_once_however_often_it_is_sent(kind, seen):
    bus = kind.bus()

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, tx: Transaction) -> None:
        seen.append(job.number)

    async with bus.running():
        for number in (1, 2, 3):
            await bus.events.publish(Job(number), message_id="the same")
        await bus.events.publish(Job(9))
        await seen.until(2)
        await bus.idle()
    assert sorted(seen) == [1, 9]


async def test_what_was_sent_while_nobody_consumed_is_handled_later(kind, seen):
    if kind.store == ":memory:":  # it is gone with its bus
        return
    sender, worker = kind.bus(), kind.bus()
    for bus in (sender, worker):

        @bus.event_handler(channel=CHANNEL, endpoint_id="work")
        async def work(job: Job, tx: Transaction) -> None:
            seen.append(job.number)

    async with sender.running(consume="none"):
        for number in range(5):
            await sender.events.publish(Job(number))
    assert seen == []
    async with worker.running():
        assert sorted(await seen.until(5)) == list(range(5))


async def test_a_delayed_message_waits_for_its_time(kind, seen):
    assert "delay" in kind.capabilities
    bus = kind.bus()
    late = []

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, tx: Transaction) -> None:
        late.append(datetime.now(UTC))
        seen.append(job.number)

    async with bus.running():
        sent_at = datetime.now(UTC)
        await bus.events.publish(Job(1), delay=0.5)
        await bus.events.publish(Job(2))
        assert await seen.until(2) == [2, 1]
    assert late[1] - sent_at >= timedelta(seconds=0.5)


async def test_messages_of_one_key_are_handled_in_their_order(kind, seen):
    """Also when the first one has to be tried again; other keys go on."""
    assert "ordering_key" in kind.capabilities
    bus = kind.bus(ordering_key=header("customer"), concurrency=5)
    failed = []

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job, tx: Transaction) -> None:
        if job.number == 1 and not failed:
            failed.append(job.number)
            raise ValueError("not yet")
        seen.append(job.number)

    async with bus.running():
        for number in (1, 2, 3, 11, 12, 13):
            await bus.events.publish(
                Job(number), headers={"customer": "acme" if number < 10 else "other"}
            )
        await seen.until(6)
        await bus.idle()
    assert [number for number in seen if number < 10] == [1, 2, 3]
    assert [number for number in seen if number > 10] == [11, 12, 13]


async def test_a_message_that_was_too_long_on_its_way_is_not_started(kind, seen):
    assert "time_to_live" in kind.capabilities
    bus = kind.bus(concurrency=1, max_in_flight=1)
    started, over = trio.Event(), trio.Event()

    @bus.event_handler(channel=CHANNEL)
    async def work(job: Job) -> None:
        started.set()
        if job.number == 1:
            await over.wait()
        seen.append(job.number)

    async with bus.running():
        await bus.events.publish(Job(1))
        await started.wait()
        await bus.events.publish(Job(2), time_to_live=0.2)
        await trio.sleep(0.3)  # its time to live
        over.set()
        await bus.events.publish(Job(3))
        await seen.until(2)
        await bus.idle()
    assert seen == [1, 3]


@pytest.mark.parametrize("wish", sorted(CAPABILITIES))
async def test_what_a_channel_cannot_do_is_refused_and_never_ignored(kind, wish):
    """To who declares it when the bus starts, to a sender at once."""
    values = {"delay": 1.0, "priority": 5, "time_to_live": 9.0, "ordering_key": header("x")}
    able = wish in kind.capabilities
    declared, asked = kind.bus(), kind.bus()

    @declared.event_handler(channel=CHANNEL, **{wish: values[wish]})
    async def declares(job: Job) -> None: ...

    @asked.event_handler(channel=CHANNEL)
    async def work(job: Job) -> None: ...

    if not able:
        with pytest.raises(BusConfigurationError, match=f"{wish}= is not possible on channel"):
            declared.check()
        async with asked.running(consume="none"):
            with pytest.raises(InvalidSendOption, match=f"{wish}= is not possible"):
                await asked.events.publish(Job(1), **{wish: values[wish]})
        return
    declared.check()
    async with asked.running(consume="none"):
        await asked.events.publish(Job(1), headers={"x": "y"}, **{wish: values[wish]})
