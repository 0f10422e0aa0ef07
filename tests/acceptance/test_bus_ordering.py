"""Ordering keys: a key's messages one after the other, keys side by side, whatever fails."""

from dataclasses import dataclass

import pytest
import trio

from actorbus import (
    ActorBus,
    BusConfigurationError,
    CommandBus,
    DeadLetterFilter,
    DynamicChannel,
    EventBus,
    InvalidMessage,
    InvalidSendOption,
    Ordering,
    Retry,
    field,
    header,
)
from actorbus.running._pace import SELDOM
from tests.waiting import until

SHORT = Retry(attempts=2, initial=0.01, jitter=0.0)
EVERYTHING = DeadLetterFilter()


@dataclass(frozen=True)
class Moved:
    account: str
    number: int
    tenant: str = "acme"


@pytest.fixture(params=[":memory:", "file"])
def store(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture
def bus(store):
    return ActorBus("bank", store)


class Book:
    """What was handled, and how many ran at once; handlers that are told to fail do."""

    def __init__(self):
        self.done = []
        self.failing = set()
        self.running = {}
        self.most = 0
        self.meeting = 1
        self.overlaps = 0

    async def handle(self, event):
        key = event.account
        self.overlaps += key in self.running
        self.running[key] = event
        self.most = max(self.most, len(self.running))
        try:
            await trio.sleep(0.001)
            await until(lambda: self.most >= self.meeting)
            if event.number in self.failing:
                raise RuntimeError("not now")
            self.done.append(event.number)
        finally:
            self.running.pop(key, None)


@pytest.fixture
def book():
    return Book()


async def first_letters(bus):
    with trio.fail_after(20):
        while True:
            letters = await bus.dead_letters.list(EVERYTHING)
            if letters:
                return letters
            await trio.sleep(0.01)


async def publish(bus, *numbers, account="a", **options):
    for number in numbers:
        await bus.events.publish(Moved(account, number), **options)


def declare(bus, book, ordering_key, **options):
    @bus.event_handler(
        channel="moves", endpoint_id="book", ordering_key=ordering_key, retry=SHORT, **options
    )
    async def handler(event: Moved) -> None:
        await book.handle(event)


RULES = [
    field("account"),
    header("account"),
    lambda event: event.account,
    lambda event, headers: headers["account"],
    Ordering(field("account")),
]


@pytest.mark.parametrize("rule", RULES)
async def test_a_keys_messages_run_in_order_and_keys_side_by_side(bus, book, rule):
    bus.add_channel("moves", concurrency=4)
    declare(bus, book, rule)
    book.meeting = 4  # none is done before four run at once
    async with bus.running():
        for number in range(40):
            account = "abcd"[number % 4]
            event = Moved(account, number)
            await bus.events.publish(event, headers={"account": account})
        await until(lambda: len(book.done) == 40)

    assert (book.overlaps, book.most) == (0, 4)
    for start in range(4):
        assert [n for n in book.done if n % 4 == start] == list(range(start, 40, 4))


async def test_a_channel_orders_the_messages_of_all_its_handlers(bus, book):
    bus.add_channel("moves", ordering_key=field("account"))

    @bus.event_handler(channel="moves")
    async def handler(event: Moved) -> None:
        await book.handle(event)

    async with bus.running():
        await publish(bus, *range(10))
        await until(lambda: len(book.done) == 10)

    assert (book.done, book.overlaps) == (list(range(10)), 0)


async def test_a_message_can_say_its_key_itself(bus, book):
    """Before what its handler says; as a text, or as a rule."""
    bus.add_channel("moves")
    declare(bus, book, lambda event: event.number)  # each message its own key
    async with bus.running():
        for number in range(10):
            key = "one" if number % 2 else (lambda event: "one")
            await bus.events.publish(Moved(str(number), number), ordering_key=key)
        await until(lambda: len(book.done) == 10)

    assert (book.done, book.most) == (list(range(10)), 1)


async def test_a_gateway_can_say_the_key_of_all_that_it_sends(store, book):
    bus = ActorBus("bank", store)
    bus.add_channel("moves")

    class OneByOne(EventBus, ordering_key="one"):
        pass

    @bus.event_handler(channel="moves")
    async def handler(event: Moved) -> None:
        await book.handle(event)

    one_by_one = bus.gateway(OneByOne)
    async with bus.running():
        for number in range(10):
            await one_by_one.publish(Moved(str(number), number))
        await until(lambda: len(book.done) == 10)

    assert (book.done, book.most) == (list(range(10)), 1)


async def test_a_message_without_a_key_keeps_no_order(bus, book):
    """A function says so with None; it runs beside those of a key."""
    bus.add_channel("moves")
    declare(bus, book, lambda event: event.account or None)
    book.meeting = 2  # none is done before two run at once
    async with bus.running():
        await publish(bus, 1, 2)
        await publish(bus, 3, account="")
        await publish(bus, 4, account="")
        await until(lambda: len(book.done) == 4)

    assert book.done.index(1) < book.done.index(2)


@pytest.mark.parametrize("key", [{"no": "text"}, 1.5, True, b"a", "", "x" * 201])
async def test_what_is_no_key_is_refused_to_the_sender(bus, book, key):
    bus.add_channel("moves")
    declare(bus, book, lambda event: key)
    async with bus.running():
        with pytest.raises(InvalidMessage, match="book: ordering_key= gave"):
            await publish(bus, 1)


async def test_a_message_without_the_header_is_refused(bus, book):
    bus.add_channel("moves")
    declare(bus, book, header("account"))
    async with bus.running():
        with pytest.raises(InvalidMessage, match=r"book: ordering_key=: .* no header"):
            await publish(bus, 1)


async def test_later_messages_wait_for_a_retry(bus, book):
    """The default: nothing of the key overtakes; another key does not wait."""
    bus.add_channel("moves")
    declare(bus, book, field("account"))
    book.failing = {1}
    async with bus.running():
        await publish(bus, 1, 2, 3)
        await publish(bus, 9, account="b")
        await until(lambda: 9 in book.done)
        book.failing = set()
        await until(lambda: len(book.done) == 4)

    assert [number for number in book.done if number != 9] == [1, 2, 3]


async def test_a_dead_letter_lets_its_key_go_on(bus, book):
    bus.add_channel("moves")
    declare(bus, book, field("account"))
    book.failing = {1}
    async with bus.running():
        await publish(bus, 1, 2, 3)
        await until(lambda: len(book.done) == 2)
        book.failing = set()
        await bus.dead_letters.replay(EVERYTHING)
        await until(lambda: len(book.done) == 3)

    assert book.done == [2, 3, 1]


@pytest.mark.parametrize("mended", [True, False])
async def test_a_dead_letter_can_park_its_key(bus, book, mended):
    """Until it is replayed, then it goes first, or deleted."""
    bus.add_channel("moves", ordering_key=Ordering(field("account"), on_failure="park"))

    @bus.event_handler(channel="moves", retry=SHORT)
    async def handler(event: Moved) -> None:
        await book.handle(event)

    book.failing = {1}
    async with bus.running():
        await publish(bus, 1, 2, 3)
        letters = await first_letters(bus)
        await publish(bus, 4)
        await publish(bus, 9, account="b")
        await until(lambda: book.done)
        (queue,) = await bus.store.statistics()
        parked = queue.parked
        book.failing = set()
        if mended:
            await bus.dead_letters.replay(EVERYTHING)
        else:
            await bus.dead_letters.delete(EVERYTHING)
        await until(lambda: 4 in book.done)

    assert (len(letters), parked) == (1, 3)
    assert book.done == ([9, 1, 2, 3, 4] if mended else [9, 2, 3, 4])


async def test_a_failed_message_can_be_skipped(bus, book):
    """Others go on while it waits for its retry; they still run one at a time."""
    bus.add_channel("moves")

    @bus.event_handler(
        channel="moves",
        ordering_key=Ordering(field("account"), on_failure="skip"),
        retry=Retry(attempts=50, initial=0.05, factor=1.0, jitter=0.0),
    )
    async def handler(event: Moved) -> None:
        await book.handle(event)

    book.failing = {1}
    async with bus.running():
        await publish(bus, 1, 2, 3)
        await until(lambda: len(book.done) == 2)
        book.failing = set()
        await until(lambda: len(book.done) == 3)

    assert (book.done, book.overlaps) == ([2, 3, 1], 0)


async def test_a_delayed_message_takes_its_place_when_it_is_due(autojump_clock, book):
    """It keeps nobody waiting before; equal delays keep their order."""
    bus = ActorBus("bank", ":memory:")
    bus.add_channel("moves")
    declare(bus, book, field("account"))
    with bus.substituted(pace=SELDOM):
        async with bus.running():
            await publish(bus, 1, 2, delay=3600)
            await publish(bus, 3)
            await trio.sleep(3500)
            early = list(book.done)
            await trio.sleep(200)

    assert (early, book.done) == ([3], [3, 1, 2])


async def test_order_is_kept_on_both_hops_of_a_gateways_channel(bus, book):
    """The key is worked out once, by the sender."""

    class Outbox(EventBus, channel="outbox"):
        pass

    bus.add_channel("outbox")
    bus.add_channel("moves")
    declare(bus, book, field("account"))
    outbox = bus.gateway(Outbox)
    async with bus.running():
        for number in range(20):
            await outbox.publish(Moved("a", number))
        await until(lambda: len(book.done) == 20)

    assert (book.done, book.overlaps) == (list(range(20)), 0)


async def test_tenants_have_keys_of_their_own(bus, book):
    """On a dynamic channel two tenants with one key do not wait for each other."""
    bus.add_channel(DynamicChannel("moves", tenant=field("tenant"), ordering_key=field("account")))
    together = []

    @bus.event_handler(channel="moves")
    async def handler(event: Moved) -> None:
        together.append(event.tenant)
        if event.number == 1:
            await until(lambda: {"x", "y"} <= set(together))
        book.done.append((event.tenant, event.number))

    async with bus.running():
        for number in (1, 2):
            for tenant in ("x", "y"):
                await bus.events.publish(Moved("a", number, tenant))
        await until(lambda: len(book.done) == 4)

    for tenant in ("x", "y"):
        assert [n for name, n in book.done if name == tenant] == [1, 2]


async def test_two_buses_on_one_store_keep_one_order(tmp_path, book):
    """As two processes do: no key is in two hands, nothing overtakes."""
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    buses = [ActorBus("bank", url), ActorBus("bank", url)]
    for one in buses:
        one.add_channel("moves")
        declare(one, book, field("account"))
    async with buses[0].running(), buses[1].running():
        for number in range(60):
            await publish(buses[number % 2], number, account="abc"[number % 3])
        await until(lambda: len(book.done) == 60)

    assert book.overlaps == 0
    for start in range(3):
        assert [n for n in book.done if n % 3 == start] == list(range(start, 60, 3))


def test_start_up_refuses_what_cannot_be_ordered(bus):
    """All at once, each with its place."""
    bus.add_channel("moves", ordering_key=field("account"), priority=1)
    bus.add_channel("urgent", priority=5)
    bus.add_channel("named", ordering_key="account")
    bus.add_channel("fine")

    @bus.event_handler(channel="fine", ordering_key=field("account"), priority=3)
    async def one(event: Moved) -> None: ...

    @bus.event_handler(channel="urgent", ordering_key=field("account"))
    async def two(event: Moved) -> None: ...

    @bus.event_handler(channel="fine", ordering_key=Ordering(field("account"), "stop"))  # type: ignore[arg-type]  # the mistake
    async def three(event: Moved) -> None: ...

    @bus.event_handler(ordering_key=field("account"))
    async def four(event: Moved) -> None: ...

    @bus.event_handler(channel="fine", ordering_key=lambda: "key")
    async def five(event: Moved) -> None: ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    text = str(caught.value)
    for expected in (
        "channel 'moves': ordering_key= contradicts priority=1",
        "channel 'named': ordering_key='account' is one key for all messages",
        "one: ordering_key= contradicts priority=3",
        "two: ordering_key= contradicts priority=5",
        "three: on_failure='stop' is not allowed: give one of 'wait', 'park', 'skip'",
        "four: ordering_key= needs channel=",
        "five: ordering_key=<function",
    ):
        assert expected in text, text


class Urgent(CommandBus, ordering_key=5):  # type: ignore[arg-type]  # the mistake
    pass


def test_start_up_refuses_a_gateways_key_that_is_none(bus):
    bus.add_channel("moves")

    @bus.command_handler(channel="moves")
    async def one(command: Moved) -> None: ...

    bus.gateway(Urgent)
    with pytest.raises(BusConfigurationError, match="ordering_key=5 is not allowed"):
        bus.check()


async def test_a_sender_is_refused_what_cannot_be_ordered(bus, book):
    bus.add_channel("moves")
    declare(bus, book, field("account"))

    @bus.command_handler("accounts.close")
    async def now(command: dict[str, str]) -> None: ...

    async with bus.running():
        with pytest.raises(InvalidSendOption, match="priority=5 contradicts ordering_key=: book"):
            await publish(bus, 1, priority=5)
        with pytest.raises(InvalidSendOption, match="ordering_key=7 is not allowed"):
            await publish(bus, 1, ordering_key=7)
        with pytest.raises(InvalidSendOption, match="ordering_key= needs a channel"):
            await bus.commands.send({}, routing_key="accounts.close", ordering_key="a")
