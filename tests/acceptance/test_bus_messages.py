"""It must hold, 18: what cannot be read is a dead letter with the path and the reason, at once.

And item 8: kinds of messages, conversion, versions, converters, limits, headers that are passed
on, routing by type, parent class and key. Each on a file and on `:memory:`.
"""

import logging
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from msgspec import msgpack

from actorbus import (
    ActorBus,
    BusConfigurationError,
    EventBus,
    Headers,
    InvalidMessage,
    Retry,
    UnknownMessageType,
)
from actorbus._store import Outgoing
from actorbus.messages._message import new_id
from tests.unit.actorbus.codecs import fuzzing

MSGPACK, JSON = "application/msgpack", "application/json"
DAY = 86_400


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    return ":memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


@dataclass(frozen=True)
class Line:
    product: str
    price: int


@dataclass(frozen=True)
class OrderPlaced:
    number: int
    lines: tuple[Line, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


NAME = f"{__name__}.OrderPlaced"


async def put(bus, body, type_name=NAME, content_type=MSGPACK, endpoint="confirm"):
    """Store a copy as another process might have."""
    copy = Outgoing(
        copy_id=new_id(),
        channel="mail",
        endpoint=endpoint,
        message_id=new_id(),
        type_name=type_name,
        content_type=content_type,
        headers="{}",
        body=body,
        correlation_id="c",
        timestamp=0.0,
    )
    await bus.store.append([copy])


class Shop:
    """A bus with one endpoint, and what came of it."""

    def __init__(self, store, message_type=OrderPlaced, handler=None, **options):
        self.bus = ActorBus("shop", store, **options)
        self.bus.add_channel("mail", retry=Retry(attempts=5, initial=DAY, maximum=DAY))
        self.seen: list[Any] = []

        async def confirm(event):
            self.seen.append(event)

        confirm.__annotations__["event"] = message_type
        self.bus.event_handler(channel="mail", endpoint_id="confirm", **(handler or {}))(confirm)

    async def outcome(self, *arguments, **options):
        """Store a copy and return the text of its dead letter, or None if it was handled."""
        await put(self.bus, *arguments, **options)
        await self.bus.idle()
        letters = await self.bus.dead_letters.list()
        if not letters:
            return None
        (letter,) = letters
        assert (letter.reason, letter.attempts, self.seen) == ("undecodable", 1, [])
        assert self.bus.counters.retried == 0
        return letter.exception_message


def packed(data):
    return msgpack.encode(data)


BROKEN = [
    pytest.param(
        packed({"number": 1, "lines": []})[:-3],
        "the body cannot be read: Input data was truncated (13 bytes)",
        id="truncated",
    ),
    pytest.param(b"", "the body cannot be read: Input data was truncated (0 bytes)", id="empty"),
    pytest.param(
        packed({"number": "1"}),
        "field 'number': Expected `int`, got `str` (value: '1')",
        id="wrong type",
    ),
    pytest.param(
        packed(
            {"number": 1, "lines": [{"product": "tea", "price": 1}, {"product": 2, "price": 1}]}
        ),
        "field 'lines[1].product': Expected `str`, got `int` (value: 2)",
        id="wrong type inside",
    ),
    pytest.param(packed({"lines": []}), "field 'number' is missing", id="missing field"),
    pytest.param(
        packed({"number": 1, "lines": [{"product": "tea"}]}),
        "field 'lines[0].price' is missing",
        id="missing field inside",
    ),
    pytest.param(
        packed({"number": 1, "numbre": 2}),
        "field 'numbre' is unknown; did you mean 'number'?",
        id="extra field",
    ),
    pytest.param(
        packed({"number": 1, "lines": [{"product": "tea", "price": 1, "vat": 19}]}),
        "field 'lines[0].vat' is unknown",
        id="extra field inside",
    ),
    pytest.param(
        b"\x82\xa6number\x01\xa5extra\x81\xa1a" + b"\x91" * 10_000 + b"\xc0",
        "nested deeper than the 100 levels of max_message_depth",
        id="depth of 10,000",
    ),
    pytest.param(
        b"\x82\xa6number\x01\xa4more" + b"\x91" * 10_000 + b"\xc0",
        "nested deeper than the 100 levels of max_message_depth",
        id="depth of 10,000 in an extra field",
    ),
    pytest.param(b"\xdd\xff\xff\xff\xff", "got `array`", id="claims four billion items"),
]


@pytest.mark.parametrize(("body", "text"), BROKEN)
async def test_a_body_that_cannot_be_read_is_a_dead_letter_with_path_and_reason(store, body, text):
    """No retries: one attempt, and the handler is never called."""
    shop = Shop(store)
    async with shop.bus.running():
        found = await shop.outcome(body)

    assert found.startswith(f"{NAME}: ")
    assert text in found
    assert len(found) < 500


async def test_the_path_to_where_it_is_too_deep_is_named(store):
    shop = Shop(store, max_message_depth=6)
    async with shop.bus.running():
        body = b"\x82\xa6number\x01\xa5extra\x81\xa1a" + b"\x91" * 10_000 + b"\xc0"
        found = await shop.outcome(body)

    assert "field 'extra.a[0][0][0][0]': nested deeper than the 6 levels" in found


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("shop.Forgotten", "no message type 'shop.Forgotten' is known to confirm"),
        (f"{__name__}.OrderPlacd", f"did you mean '{NAME}'?"),
    ],
)
async def test_an_unknown_type_name_is_a_dead_letter(store, type_name, text):
    shop = Shop(store)
    async with shop.bus.running():
        found = await shop.outcome(packed({"number": 1}), type_name=type_name)

    assert text in found


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("application/msgpack; version=3", "version 3 is newer than 1, the newest that this bus"),
        ("text/xml", "no codec for content type 'text/xml'"),
        ("application/json; version=x", "version is a whole number"),
    ],
)
async def test_a_newer_version_and_an_unknown_content_type_are_dead_letters(
    store, content_type, text
):
    shop = Shop(store)
    async with shop.bus.running():
        found = await shop.outcome(packed({"number": 1}), content_type=content_type)

    assert found.startswith(f"{NAME}: ")
    assert text in found


@pytest.mark.timeout(300)
async def test_a_hundred_megabytes_are_a_dead_letter_and_never_in_memory(store):
    shop = Shop(store, blocked_after=None)  # who reports a block holds its frames meanwhile
    size = 100_000_000
    async with shop.bus.running(consume="none"):
        await put(shop.bus, bytes(size))
    tracemalloc.start()
    async with shop.bus.running():
        if store == ":memory:":  # what is in memory is gone with the run
            await put(shop.bus, bytes(size))
            tracemalloc.reset_peak()
        await shop.bus.idle()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        (listed,) = await shop.bus.dead_letters.list()
        letter = await shop.bus.dead_letters.show(listed.copy_id)

    assert (letter.reason, letter.attempts, shop.seen) == ("undecodable", 1, [])
    assert letter.exception_message == (
        f"{NAME}: the body is 100,000,000 bytes, more than the 1,048,576 of max_message_bytes"
    )
    assert len(letter.body) == size
    assert peak < 20_000_000


async def test_many_broken_bodies_leave_no_memory_behind(store, caplog):
    """Four hundred of them; what is held after them is far less than they weigh.

    Nothing is logged here: the test tool would keep each record, with its error.
    """
    caplog.set_level(logging.CRITICAL, logger="actorbus")
    shop = Shop(store)
    deep = b"\x82\xa6number\x01\xa5extra\x81\xa1a" + b"\x91" * 10_000 + b"\xc0"
    async with shop.bus.running():
        await put(shop.bus, deep)
        await shop.bus.idle()
        tracemalloc.start()
        for number in range(200):
            await put(shop.bus, deep + bytes([number]))
            await put(shop.bus, packed({"number": "x" * 10_000}))
        await shop.bus.idle()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        dead = await shop.bus.dead_letters.count()

    assert dead == 401
    assert held < 2_000_000


async def test_every_body_of_the_corpus_is_handled_or_a_dead_letter_with_its_reason(store):
    """Each to an endpoint for its kinds of messages; none is tried twice, none stops the others."""
    bus = ActorBus("shop", store, max_message_depth=20)
    bus.add_channel("mail", retry=Retry(attempts=5, initial=DAY, maximum=DAY))
    bus.add_converter(fuzzing.Place, to_plain=vars, from_plain=fuzzing.Place.parse)
    kinds = [kind for kind in fuzzing.TYPES if kind not in {dict, Any}]
    for kind in kinds:

        async def handle(event: Any): ...

        handle.__annotations__["event"] = kind
        bus.event_handler(channel="mail", endpoint_id=kind.__name__)(handle)
    files = sorted(fuzzing.CORPUS.iterdir())
    async with bus.running():
        for path in files:
            for kind in kinds:
                await put(
                    bus,
                    path.read_bytes(),
                    endpoint=kind.__name__,
                    type_name=f"{kind.__module__}.{kind.__name__}",
                    content_type=fuzzing.FORMATS[path.suffix[1:]],
                )
        await bus.idle()
        letters = await bus.dead_letters.list(limit=1000)
        counters = bus.counters

    assert {(letter.reason, letter.attempts) for letter in letters} == {("undecodable", 1)}
    assert all(letter.exception_message for letter in letters)
    assert counters.handled > 0
    assert counters.retried == 0
    assert counters.handled + len(letters) == len(files) * len(kinds)


async def test_a_dead_letter_whose_body_was_mended_is_handled(store):
    shop = Shop(store)
    async with shop.bus.running():
        await shop.outcome(packed({"number": "1"}))
        (letter,) = await shop.bus.dead_letters.list()
        await shop.bus.dead_letters.edit(letter.copy_id, message={"number": 1})
        await shop.bus.dead_letters.replay(letter.copy_id)
        await shop.bus.idle()

    assert shop.seen == [OrderPlaced(1)]


# -- the sender's side ----------------------------------------------------------------------


DEEP: Any = None
for _ in range(10_000):
    DEEP = [DEEP]
CYCLE: dict[str, Any] = {}
CYCLE["itself"] = CYCLE


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (OrderPlaced("1"), "field 'number': Expected `int`, got `str` (value: '1')"),  # type: ignore[arg-type]  # the mistake
        ({"number": 1, "numbre": 2}, "no field 'numbre'; did you mean 'number'?"),
        ({"number": 1, "lines": [{"product": "a", "price": 1, "x": 1}]}, "'lines[0].x' is unknown"),
        (OrderPlaced(1, extra={"a": DEEP}), "nested too deep"),
        (OrderPlaced(1, extra=CYCLE), "nested too deep, or in itself"),
        (OrderPlaced(1, extra={"x": "x" * 2_000_000}), "more than the 1,048,576"),
        (OrderPlaced(1, extra={"x": object()}), "no wire form for object"),
    ],
)
async def test_the_sender_is_told_and_nothing_is_stored(store, message, text):
    shop = Shop(store)
    async with shop.bus.running(consume="none"):
        with pytest.raises(InvalidMessage) as caught:
            await shop.bus.events.publish(message, routing_key=NAME)
        queues = await shop.bus.store.statistics()

    assert str(caught.value).startswith(f"{NAME}: ")
    assert text in str(caught.value)
    assert queues == []


async def test_a_subclass_inside_of_a_message_that_would_lose_its_fields_is_refused(store):
    @dataclass(frozen=True)
    class Special(Line):
        ribbon: str = "red"

    shop = Shop(store)
    async with shop.bus.running():
        with pytest.raises(InvalidMessage, match=r"field 'lines\[0\].ribbon' is unknown"):
            await shop.bus.events.publish(OrderPlaced(1, (Special("tea", 1),)))


async def test_levels_beyond_the_limit_are_refused_to_the_sender_with_the_path(store):
    shop = Shop(store, max_message_depth=3)
    async with shop.bus.running():
        await shop.bus.events.publish(OrderPlaced(1, extra={"a": [1]}))
        with pytest.raises(InvalidMessage, match=r"field 'extra.a\[0\]': nested deeper than the 3"):
            await shop.bus.events.publish(OrderPlaced(2, extra={"a": [[1]]}))
        await shop.bus.idle()

    assert [event.number for event in shop.seen] == [1]


async def test_bytes_beyond_the_limit_are_refused_with_the_headers_counted(store):
    shop = Shop(store, max_message_bytes=100)
    async with shop.bus.running():
        await shop.bus.events.publish(OrderPlaced(1))
        with pytest.raises(InvalidMessage, match=r"more than the 100 that ActorBus\("):
            await shop.bus.events.publish(OrderPlaced(2), headers={"note": "x" * 90})


# -- kinds of messages ----------------------------------------------------------------------


@attrs.frozen
class Shipped:
    number: int


class Packed(msgspec.Struct, frozen=True):
    number: int


class Paid(pydantic.BaseModel):
    number: int


class Noted(TypedDict):
    number: int


KINDS = [OrderPlaced(7), Shipped(7), Packed(7), Paid(number=7)]


@pytest.mark.parametrize("content_type", [MSGPACK, JSON])
@pytest.mark.parametrize("message", KINDS, ids=lambda message: type(message).__name__)
async def test_every_kind_of_message_arrives_as_it_was_sent(store, message, content_type):
    shop = Shop(store, type(message))
    async with shop.bus.running():
        await shop.bus.events.publish(message, content_type=content_type)
        await shop.bus.idle()

    assert shop.seen == [message]
    assert type(shop.seen[0]) is type(message)


async def test_a_typed_dict_is_sent_as_plain_data_under_its_name(store):
    shop = Shop(store, Noted)
    async with shop.bus.running():
        await shop.bus.events.publish({"number": 7}, routing_key=f"{__name__}.Noted")
        with pytest.raises(InvalidMessage, match="field 'number': Expected `int`"):
            await shop.bus.events.publish({"number": "7"}, routing_key=f"{__name__}.Noted")
        await shop.bus.idle()

    assert shop.seen == [{"number": 7}]


# -- strict and lax -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bus", "handler"),
    [({"conversion": "lax"}, {}), ({}, {"conversion": "lax"})],
    ids=["of the bus", "of the handler"],
)
async def test_lax_conversion_takes_text_for_numbers_and_ignores_other_fields(store, bus, handler):
    shop = Shop(store, handler=handler, **bus)
    async with shop.bus.running():
        assert await shop.outcome(packed({"number": "7", "colour": "red"})) is None

    assert shop.seen == [OrderPlaced(7)]


async def test_a_handler_may_be_stricter_than_its_bus(store):
    shop = Shop(store, handler={"conversion": "strict"}, conversion="lax")
    async with shop.bus.running():
        assert "Expected `int`, got `str`" in await shop.outcome(packed({"number": "7"}))


@pytest.mark.parametrize(
    ("bus", "handler"),
    [({"unknown_fields": "ignore"}, {}), ({}, {"unknown_fields": "ignore"})],
    ids=["of the bus", "of the handler"],
)
async def test_unknown_fields_may_be_ignored_while_types_are_strict(store, bus, handler):
    shop = Shop(store, handler=handler, **bus)
    async with shop.bus.running():
        assert await shop.outcome(packed({"number": 7, "colour": "red"})) is None
        shop.seen.clear()
        assert "Expected `int`" in await shop.outcome(packed({"number": "7", "colour": "red"}))


async def test_a_lax_synchronous_handler_gets_what_was_converted():
    bus = ActorBus("shop", conversion="lax")

    @bus.command_handler
    async def place(command: Packed) -> int:
        return command.number

    async with bus.running():
        number: Any = "7"
        assert await bus.commands.send(Packed(number)) == 7


# -- versions -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """Version 3: version 1 had `place` as "north,east", version 2 had a pair."""

    north: float
    east: float


MOVED = f"{__name__}.Moved"


def versioned(store, **options):
    shop = Shop(store, Moved)

    @shop.bus.upcaster(Moved, from_version=1)
    def split(data):
        return {"place": [float(part) for part in data["place"].split(",")]}

    @shop.bus.upcaster(Moved, from_version=2)
    def name(data):
        north, east = data["place"]
        return {"north": north, "east": east}

    return shop


@pytest.mark.parametrize("wire_format", [MSGPACK, JSON])
@pytest.mark.parametrize(
    ("version", "data"),
    [
        ("", {"place": "1.5,2"}),
        ("; version=2", {"place": [1.5, 2.0]}),
        ("; version=3", {"north": 1.5, "east": 2.0}),
    ],
)
async def test_an_earlier_version_goes_through_the_chain_of_upcasters(
    store, version, data, wire_format
):
    shop = versioned(store)
    encode = msgpack.encode if wire_format == MSGPACK else msgspec.json.encode
    async with shop.bus.running():
        found = await shop.outcome(
            encode(data), type_name=MOVED, content_type=f"{wire_format}{version}"
        )

    assert found is None
    assert shop.seen == [Moved(1.5, 2.0)]


@pytest.mark.parametrize(
    ("version", "data", "text"),
    [
        (4, {"north": 1, "east": 1}, "version 4 is newer than 3, the newest that this bus knows"),
        (2, {"plaice": 1}, "the upcaster of {} from version 2 raised KeyError: 'place'"),
        (2, {"place": ["1", 2]}, "from version 2: field 'north': Expected `float`, got `str`"),
    ],
)
async def test_what_no_upcaster_can_read_is_a_dead_letter_with_the_reason(
    store, version, data, text
):
    shop = versioned(store)
    async with shop.bus.running():
        found = await shop.outcome(
            packed(data), type_name=MOVED, content_type=f"{MSGPACK}; version={version}"
        )

    assert text.format(MOVED) in found


async def test_an_upcaster_is_given_no_body_that_is_too_deep(store):
    shop = Shop(store, Moved)
    called = []
    shop.bus.upcaster(Moved, from_version=1)(called.append)
    async with shop.bus.running():
        found = await shop.outcome(b"\x81\xa5place" + b"\x91" * 150 + b"\xc0", type_name=MOVED)

    assert "nested deeper than the 100 levels" in found
    assert called == []


async def test_a_version_without_upcasters_says_what_is_missing(store):
    shop = Shop(store, Moved)
    shop.bus.message(version=2)(Moved)
    async with shop.bus.running():
        found = await shop.outcome(packed({"north": 1.0, "east": 1.0}), type_name=MOVED)

    assert "no upcaster from version 1 leads to version 2" in found


async def test_a_message_is_sent_in_the_current_version(store):
    shop = versioned(store)
    async with shop.bus.running(consume="none"):
        await shop.bus.events.publish(Moved(1, 2), content_type=JSON)
        async with await shop.bus.store.snapshot("test") as snapshot:
            rows = await snapshot.fetch("SELECT content_type, type_name FROM actorbus_messages")

    assert [tuple(row) for row in rows] == [("application/json; version=3", MOVED)]


async def test_a_renamed_type_keeps_its_old_name_as_an_alias(store):
    shop = Shop(store)
    shop.bus.message("shop.OrderPlaced", aliases=("orders.Placed", NAME))(OrderPlaced)
    async with shop.bus.running():
        assert await shop.outcome(packed({"number": 1}), type_name="orders.Placed") is None
        assert await shop.outcome(packed({"number": 2}), type_name=NAME) is None
        await shop.bus.events.publish({"number": 3}, routing_key="orders.Placed")
        await shop.bus.idle()

    assert [event.number for event in shop.seen] == [1, 2, 3]


# -- converters -----------------------------------------------------------------------------


class Place:
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def parse(cls, text: str) -> "Place":
        if not text.istitle():
            raise ValueError(f"{text!r} is no place")
        return cls(text)


@dataclass(frozen=True)
class Trip:
    stops: list[Place]


async def test_a_converter_of_the_users_is_used_both_ways(store):
    shop = Shop(store, Trip)
    shop.bus.add_converter(Place, to_plain=lambda place: place.name, from_plain=Place.parse)
    async with shop.bus.running():
        await shop.bus.events.publish(Trip([Place("Rome"), Place("Oslo")]))
        await shop.bus.idle()
        with pytest.raises(InvalidMessage, match=r"field 'stops\[1\]': no Place: ValueError: 'x'"):
            await shop.bus.events.publish(Trip([Place("Rome"), Place("x")]))
        found = await shop.bus.dead_letters.count()

    assert [stop.name for stop in shop.seen[0].stops] == ["Rome", "Oslo"]
    assert found == 0


async def test_a_dead_letter_is_mended_with_a_message_that_needs_the_converter(store):
    shop = Shop(store, Trip)
    shop.bus.add_converter(Place, to_plain=lambda place: place.name, from_plain=Place.parse)
    async with shop.bus.running():
        found = await shop.outcome(packed({"stops": ["rome"]}), type_name=f"{__name__}.Trip")
        (letter,) = await shop.bus.dead_letters.list()
        await shop.bus.dead_letters.edit(letter.copy_id, message=Trip([Place("Rome")]))
        await shop.bus.dead_letters.replay(letter.copy_id)
        await shop.bus.idle()

    assert "field 'stops[0]': no Place: ValueError: 'rome' is no place (value: 'rome')" in found
    assert [stop.name for stop in shop.seen[0].stops] == ["Rome"]


# -- routing --------------------------------------------------------------------------------


class Event:
    """A parent that no body converts to."""


@dataclass(frozen=True)
class Occurred(Event):
    number: int


@dataclass(frozen=True)
class Delivered(Occurred):
    door: str = "front"


@asynccontextmanager
async def routed(store, channel, **options) -> AsyncIterator[tuple[ActorBus, list[Any]]]:
    """A bus with a subscriber of each class, and what each got."""
    bus = ActorBus("shop", store)
    bus.add_channel("mail")
    seen: list[Any] = []
    through: dict[str, Any] = {"channel": "mail"} if channel else {}

    @bus.event_handler(endpoint_id="any", **through)
    async def of_any(event: Event, headers: Headers):
        seen.append(("any", event, headers.type_name.rpartition(".")[2]))

    @bus.event_handler(endpoint_id="occurred", **through)
    async def of_occurred(event: Occurred):
        seen.append(("occurred", event))

    @bus.event_handler(endpoint_id="delivered", **through)
    async def of_delivered(event: Delivered):
        seen.append(("delivered", event))

    async with bus.running():
        yield bus, seen


@pytest.mark.parametrize("channel", [False, True], ids=["synchronous", "through a channel"])
async def test_a_handler_of_a_parent_class_gets_the_subclass_whole(store, channel):
    """One copy for each endpoint, stored under the name of the class that was sent."""
    event = Delivered(1, "back")
    async with routed(store, channel) as (bus, seen):
        await bus.events.publish(event)
        await bus.idle()

    assert sorted(seen, key=lambda one: one[0]) == [
        ("any", event, "Delivered"),
        ("delivered", event),
        ("occurred", event),
    ]


@pytest.mark.parametrize("channel", [False, True], ids=["synchronous", "through a channel"])
async def test_a_handler_of_a_subclass_does_not_get_its_parent(store, channel):
    async with routed(store, channel) as (bus, seen):
        await bus.events.publish(Occurred(1))
        await bus.idle()

    assert {name for name, *_ in seen} == {"any", "occurred"}


async def test_plain_data_under_a_class_name_reaches_the_parents_too(store):
    async with routed(store, channel=False) as (bus, seen):
        await bus.events.publish({"number": 1}, routing_key=f"{__name__}.Delivered")

    assert {(name, event) for name, event, *_ in seen} == {
        (name, Delivered(1)) for name in ("any", "occurred", "delivered")
    }


async def test_a_subclass_that_was_not_registered_is_refused_with_a_hint(store):
    @dataclass(frozen=True)
    class Lost(Occurred):
        pass

    async with routed(store, channel=False) as (bus, _):
        with pytest.raises(UnknownMessageType, match="Give it a name with @bus.message"):
            await bus.events.publish(Lost(1))


async def test_a_registered_subclass_without_handlers_of_its_own_reaches_the_parents(store):
    @dataclass(frozen=True)
    class Lost(Occurred):
        pass

    shop = Shop(store, Occurred)
    shop.bus.message("shop.Lost")(Lost)
    async with shop.bus.running():
        await shop.bus.events.publish(Lost(1))
        await shop.bus.idle()

    assert shop.seen == [Lost(1)]


@asynccontextmanager
async def keyed(store, channel) -> AsyncIterator[tuple[ActorBus, list[Any]]]:
    bus = ActorBus("shop", store)
    bus.add_channel("mail")
    seen: list[Any] = []
    through: dict[str, Any] = {"channel": "mail"} if channel else {}

    @bus.event_handler("orders.*", endpoint_id="one", **through)
    async def one_word(event: dict[str, Any], headers: Headers):
        seen.append(("one", event, headers.type_name))

    @bus.event_handler("orders.#", endpoint_id="any", **through)
    async def any_words(event: OrderPlaced, headers: Headers):
        seen.append(("any", event.number, headers.type_name))

    @bus.event_handler("orders.placed", endpoint_id="exact", **through)
    async def exact(event: dict[str, Any]):
        seen.append(("exact", event))

    async with bus.running():
        yield bus, seen


@pytest.mark.parametrize("channel", [False, True], ids=["synchronous", "through a channel"])
async def test_a_pattern_takes_the_keys_that_it_covers_each_as_its_type_says(store, channel):
    async with keyed(store, channel) as (bus, seen):
        await bus.events.publish({"number": 1}, routing_key="orders.placed")
        await bus.events.publish({"number": 2}, routing_key="orders.moved")
        await bus.events.publish({"number": 3}, routing_key="orders.north.moved")
        await bus.idle()

    assert sorted(seen, key=repr) == [
        ("any", 1, "orders.placed"),
        ("any", 2, "orders.moved"),
        ("any", 3, "orders.north.moved"),
        ("exact", {"number": 1}),
        ("one", {"number": 1}, "orders.placed"),
        ("one", {"number": 2}, "orders.moved"),
    ]


async def test_a_key_that_nothing_covers_is_refused(store):
    async with keyed(store, channel=False) as (bus, _):
        with pytest.raises(UnknownMessageType, match="no message type is registered as 'bills.x'"):
            await bus.events.publish({"number": 1}, routing_key="bills.x")
        with pytest.raises(UnknownMessageType, match="is a pattern"):
            await bus.events.publish({"number": 1}, routing_key="orders.*")
        with pytest.raises(InvalidMessage, match="'number'"):
            await bus.events.publish({"number": "x"}, routing_key="orders.new")


@pytest.mark.parametrize("channel", [False, True], ids=["synchronous", "through a channel"])
async def test_a_pattern_covers_the_names_of_classes_too(store, channel):
    bus = ActorBus("shop", store)
    bus.add_channel("mail")
    bus.message("orders.Placed")(OrderPlaced)
    bus.message("orders.Packed")(Packed)
    seen: list[Any] = []
    through: dict[str, Any] = {"channel": "mail"} if channel else {}

    @bus.event_handler("orders.#", **through)
    async def audit(event: dict[str, Any], headers: Headers):
        seen.append((headers.type_name, event))

    async with bus.running():
        await bus.events.publish(OrderPlaced(1))
        await bus.events.publish(Packed(2))
        await bus.idle()

    assert sorted(seen, key=repr) == [
        ("orders.Packed", {"number": 2}),
        ("orders.Placed", {"number": 1, "lines": [], "extra": {}}),
    ]


# -- headers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({}, {"tenant": "acme", "trace": "t-1", "own": "yes"}),
        ({"propagate_headers": "all"}, {"tenant": "acme", "trace": "t-1", "own": "yes"}),
        ({"propagate_headers": ["tenant"]}, {"tenant": "acme", "own": "yes"}),
        ({"propagate_headers": "none"}, {"own": "yes"}),
    ],
)
async def test_the_chosen_headers_are_passed_on_and_the_ids_always(store, option, expected):
    bus = ActorBus("shop", store, **option)
    bus.add_channel("mail")
    seen: list[Headers] = []

    @bus.command_handler
    async def place(command: Packed, headers: Headers, events: EventBus):
        seen.append(headers)
        await events.publish(OrderPlaced(command.number), headers={"own": "yes"})
        await events.publish(Shipped(command.number))

    @bus.event_handler(channel="mail")
    async def confirm(event: OrderPlaced, headers: Headers):
        seen.append(headers)

    @bus.event_handler(channel="mail")
    async def deliver(event: Shipped, headers: Headers):
        seen.append(headers)

    async with bus.running():
        await bus.commands.send(Packed(1), headers={"tenant": "acme", "trace": "t-1"})
        await bus.idle()

    first, *others = seen
    with_own = next(one for one in others if "own" in one)
    without = next(one for one in others if "own" not in one)
    assert dict(first) == {"tenant": "acme", "trace": "t-1"}
    assert dict(with_own) == expected
    assert dict(without) == {name: expected[name] for name in expected if name != "own"}
    assert {one.causation_id for one in others} == {first.id}
    assert {one.correlation_id for one in seen} == {first.correlation_id}


# -- start-up (It must hold, 16: the messages' part) ------------------------------------------


WRONG_WITH_MESSAGES = [
    "conversion='loose' is not allowed: give 'strict' or 'lax'",
    "unknown_fields='drop' is not allowed: give 'refuse' or 'ignore'",
    "max_message_bytes=0 is not a whole number above 0",
    "max_message_depth=100000 is not a whole number from 1 to 500",
    "propagate_headers='tenant' is not allowed: give 'all', 'none' or the names of headers",
    "'shop.*' is a pattern; a message type has a name without wildcards",
    "alias 'shop.Paid' of 'shop.Packed' is taken by 'shop.Paid'",
    "version=0 is not a whole number from 1 on",
    "a converter of OrderPlaced would never be asked",
    "from_plain=None is not a function",
    "a second upcaster from version 2",
    "from_version=0 is not a whole number from 1 on",
    "upcaster: no message type is registered as 'nobody'",
    f"upcaster: {__name__}.Trip is no message type of this bus",
    "shop.Placed: no upcaster from version 3, the chain ends there",
    "no upcaster from version 2, the chain ends there",
    "'orders.*' is a pattern: a command has one handler, for one key",
    "'orders.**': '**' is no wildcard; '#' stands for any number of words",
    "conversion='loose' is not allowed: give 'strict' or 'lax'",
]


def mistaken_bus(store):
    """A bus whose messages are wrong in every way that start-up can see."""
    bus = ActorBus(
        "shop",
        store,
        conversion="loose",  # type: ignore[arg-type]  # the mistake
        unknown_fields="drop",  # type: ignore[arg-type]  # the mistake
        max_message_depth=100_000,
        max_message_bytes=0,
        propagate_headers="tenant",
    )
    bus.message("shop.*")(Shipped)
    bus.message("shop.Packed", aliases=("shop.Paid",), version=0)(Packed)
    bus.message("shop.Paid")(Paid)
    bus.message("shop.Placed", version=4)(OrderPlaced)
    bus.add_converter(OrderPlaced, to_plain=str, from_plain=OrderPlaced)
    bus.add_converter(Place, to_plain=str, from_plain=None)  # type: ignore[arg-type]  # the mistake

    @bus.upcaster(OrderPlaced, from_version=1)
    @bus.upcaster(OrderPlaced, from_version=2)
    @bus.upcaster(OrderPlaced, from_version=2)
    @bus.upcaster(OrderPlaced, from_version=0)
    @bus.upcaster(Trip, from_version=1)
    @bus.upcaster("nobody", from_version=1)
    def same(data):
        return data

    @bus.upcaster(Paid, from_version=1)
    def skipping(data):
        return data

    @bus.upcaster(Paid, from_version=3)
    def skipped(data):
        return data

    @bus.command_handler("orders.*")
    async def any_order(command: dict[str, int]): ...

    @bus.event_handler("orders.**")
    async def all_orders(event: dict[str, int]): ...

    @bus.event_handler(conversion="loose", unknown_fields="drop")  # type: ignore[call-overload]  # the mistake
    async def paid(event: Paid): ...

    return bus


def test_all_that_is_wrong_with_messages_is_told_in_one_report(store):
    with pytest.raises(BusConfigurationError) as caught:
        mistaken_bus(store).check()
    texts = [problem.text for problem in caught.value.problems]

    assert [one for one in WRONG_WITH_MESSAGES if not any(one in text for text in texts)] == []
    assert all(problem.where for problem in caught.value.problems)


def test_a_parent_without_a_class_that_converts_is_refused(store):
    bus = ActorBus("shop", store)

    @bus.event_handler
    async def of_any(event: Event): ...

    with pytest.raises(BusConfigurationError, match="message type Event cannot be decoded"):
        bus.check()


def test_a_command_has_no_handler_by_its_parent(store):
    """A command's handler is named by its own type; an abstract one has no form."""
    bus = ActorBus("shop", store)
    bus.message(Occurred)

    @bus.command_handler
    async def of_any(command: Event): ...

    with pytest.raises(BusConfigurationError, match="message type Event cannot be decoded"):
        bus.check()
