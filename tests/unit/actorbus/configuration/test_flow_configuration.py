"""What start-up refuses of batches, rate limits and concurrency by load: all in one report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from actorbus import (
    ActorBus,
    Batch,
    BatchFailed,
    BusConfigurationError,
    ByLoad,
    DynamicChannel,
    Headers,
    Rate,
    StoreChannel,
    field,
)
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._plan import plan_endpoint


@dataclass(frozen=True)
class Row:
    number: int


@pytest.fixture
def bus():
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("rows")
    bus.add_channel(DynamicChannel("by_shop", tenant=field("number"), max_in_flight=50))
    return bus


def problems(bus):
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [problem.text for problem in caught.value.problems]


REFUSED: list[tuple[dict[str, Any], str]] = [
    *(
        (
            {"group_commit": value},
            f"group_commit={value!r} is not allowed: give a whole number from 1 to 50",
        )
        for value in (0, 51, True, 1.5, "10")
    ),
    (
        {"group_commit": 10, "batch": Batch(5)},
        "batch= and group_commit= contradict each other: a batch is one transaction",
    ),
    (
        {"batch": Batch(0)},
        "batch=Batch(size=0) is not allowed: give a whole number",
    ),
    (
        {"batch": Batch(5, wait=-1.0)},
        "batch=Batch(wait=-1.0) is not allowed: give seconds",
    ),
    ({"batch": 10}, "batch=10 is not allowed: give Batch(size=..., wait=...)"),
    ({"rate_limit": "fast"}, "rate_limit='fast' is not allowed: give Rate(100, per=1.0) or a text"),
    ({"rate_limit": Rate(0)}, "rate_limit=Rate(count=0) is not allowed"),
    (
        {"rate_limit": Rate(1, per=0)},
        "rate_limit=Rate(per=0) is not allowed: give seconds",
    ),
    ({"rate_limit": Rate(1, burst=0)}, "rate_limit=Rate(burst=0) is not allowed"),
    ({"rate_limit": Rate(1, by="shop")}, "give 'endpoint' or 'tenant'"),  # type: ignore[arg-type]  # to be refused
    ({"rate_limit": Rate(1, by="tenant")}, "channel 'rows' has no tenants"),
    ({"concurrency": ByLoad(0, 5)}, "concurrency=ByLoad(minimum=0) is not allowed"),
    ({"concurrency": ByLoad(9, 5)}, "maximum is less than minimum"),
    ({"concurrency": "10"}, "concurrency='10' is not allowed"),
]


@pytest.mark.parametrize(("options", "text"), REFUSED)
def test_a_wrong_option_is_refused_by_its_name_and_value(bus, options, text):
    annotation = list[Row] if "batch" in options else Row

    async def load(row): ...

    load.__annotations__["row"] = annotation
    bus.event_handler(channel="rows", **options)(load)

    assert any(text in found for found in problems(bus))


def test_they_need_a_channel(bus):
    @bus.event_handler(batch=Batch(5), rate_limit="5/s")
    async def load(rows: list[Row]): ...

    found = problems(bus)
    assert any("batch= needs channel=" in text for text in found)
    assert any("rate_limit= needs channel=" in text for text in found)


def test_a_query_is_asked_alone(bus):
    @bus.query_handler(channel="rows", batch=Batch(5))
    async def load(row: Row) -> int:
        return 1

    assert any("a query handler has no option batch=" in text for text in problems(bus))


def test_a_handler_of_batches_takes_a_list_and_the_headers_of_each(bus):
    @bus.event_handler(channel="rows", batch=Batch(5))
    async def load(row: Row, headers: Headers): ...

    of_message, of_headers = problems(bus)
    assert of_message.startswith("batch= hands over a list: annotate 'row' as list[...]")
    assert of_headers.endswith("ask for list[Headers], one for each message")


def test_without_a_batch_there_is_no_list_of_headers(bus):
    @bus.event_handler(channel="rows")
    async def load(row: Row, headers: list[Headers]): ...

    assert any("nothing provides" in text for text in problems(bus))


def test_a_batch_that_its_tenants_could_never_fill_is_refused(bus):
    @bus.event_handler(channel="by_shop", batch=Batch(51))
    async def load(rows: Sequence[Row]): ...

    [found] = problems(bus)
    assert "batch=Batch(size=51) is more than max_in_flight=50 of channel 'by_shop'" in found


def test_a_channel_refuses_a_wrong_range_and_one_that_it_cannot_hold():
    bus = ActorBus("shop", ":memory:")
    bus.add_channel("a", concurrency=ByLoad(5, 2))
    bus.add_channel("b", concurrency=ByLoad(1, 500), max_in_flight=100)

    found = problems(bus)
    assert any("channel 'a': concurrency=" in text for text in found)
    assert any("max_in_flight=100 is less than concurrency=500" in text for text in found)


@pytest.mark.parametrize(
    ("text", "per_second"), [("100/s", 100.0), ("60/m", 1.0), ("3600/h", 1.0), ("86400/d", 1.0)]
)
def test_a_rate_may_be_a_text(bus, text, per_second):
    @bus.event_handler(channel="rows", rate_limit=text)
    async def load(row: Row): ...

    bus.check()
    assert bus.handlers[0].rate_limit.per_second == per_second


def test_a_rate_says_its_burst():
    assert Rate(100).at_once == 10
    assert Rate(1, per=timedelta(hours=1)).at_once == 1
    assert Rate(100, burst=1).at_once == 1


def test_batch_failed_names_places_and_errors():
    with pytest.raises(ValueError, match="names no message"):
        BatchFailed({})
    with pytest.raises(TypeError, match="is not an exception"):
        BatchFailed({1: "no"})  # type: ignore[dict-item]  # to be refused
    assert str(BatchFailed({1: ValueError(), 2: KeyError()})) == "2 messages of a batch failed"


@pytest.mark.parametrize("value", [0, 51, None, "10"])
def test_a_channel_says_how_many_transactions_share_a_commit(bus, value):
    bus.add_channel("grouped", group_commit=value)

    found = [text for text in problems(bus) if "group_commit" in text]

    allowed = "give a whole number from 1 to 50"
    assert found == [f"channel 'grouped': group_commit={value!r} is not allowed: {allowed}"]


def test_a_handler_without_a_channel_has_no_commit_to_share(bus):
    @bus.command_handler(group_commit=10)
    async def handle(command: Row) -> None: ...

    assert any("group_commit= needs channel=" in text for text in problems(bus))


@pytest.mark.parametrize(("own", "found"), [(None, 20), (1, 1), (50, 50)])
def test_the_handler_says_it_before_its_channel(own, found):
    spec = HandlerSpec("command", Row, "Row", print, "handle", "trio", group_commit=own)

    assert plan_endpoint(spec, StoreChannel("rows", group_commit=20)).group_commit == found
