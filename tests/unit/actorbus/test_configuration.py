"""All that is wrong with a bus is reported at once, each with its place."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DynamicChannel,
    EventBus,
    Headers,
    QueryBus,
    Retry,
    Transaction,
    header,
)

HERE = Path(__file__).relative_to(Path.cwd())


@dataclass(frozen=True)
class PlaceOrder:
    number: int


@dataclass(frozen=True)
class OrderPlaced:
    number: int


@dataclass(frozen=True)
class GetOrder:
    number: int


class Socket:
    pass


@dataclass(frozen=True)
class Broken:
    socket: Socket


class Database:
    pass


@pytest.fixture
def bus():
    return ActorBus("shop")


def problems(bus):
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [str(problem) for problem in caught.value.problems]


def only_problem(bus):
    found = problems(bus)
    assert len(found) == 1, found
    return found[0]


def test_a_channel_that_nobody_declared_gets_a_suggestion_and_its_place(bus):
    bus.add_channel("notifications")
    bus.add_channel("reminders")

    @bus.event_handler(channel="notifcations")
    def confirm(event: OrderPlaced): ...

    where, text = only_problem(bus).split(": ", 1)
    assert where.startswith(f"{HERE}:{confirm.__code__.co_firstlineno}, test_a_channel")
    assert where.endswith(".confirm")
    assert text == (
        "no channel 'notifcations'; did you mean 'notifications'? (known: notifications, reminders)"
    )


def test_two_handlers_of_one_command_are_a_problem_that_names_both(bus):
    @bus.command_handler
    def first(command: PlaceOrder): ...

    @bus.command_handler
    def second(command: PlaceOrder): ...

    text = only_problem(bus)
    assert ".second: two handlers of the command" in text
    assert text.endswith(".first")


def test_two_handlers_of_one_query_are_a_problem(bus):
    @bus.query_handler
    def first(query: GetOrder): ...

    @bus.query_handler
    def second(query: GetOrder): ...

    assert "two handlers of the query" in only_problem(bus)


def test_many_subscribers_of_one_event_are_none(bus):
    @bus.event_handler
    def first(event: OrderPlaced): ...

    @bus.event_handler
    def second(event: OrderPlaced): ...

    assert [spec.order for spec in bus.handlers] == [0, 1]


def test_a_type_is_a_command_or_an_event_and_not_both(bus):
    @bus.command_handler
    def first(command: PlaceOrder): ...

    @bus.event_handler
    def second(event: PlaceOrder): ...

    assert "is an event here and a command at" in only_problem(bus)


def test_a_message_type_that_cannot_be_decoded_names_the_field(bus):
    @bus.command_handler
    def handle(command: Broken): ...

    assert only_problem(bus).endswith(
        "message type Broken cannot be decoded: field 'socket': nothing converts to Socket"
    )


def test_a_message_without_annotation_is_a_problem(bus):
    @bus.command_handler
    def handle(command): ...

    assert only_problem(bus).endswith("parameter 'command', the message, has no annotation")


def test_a_handler_without_parameters_is_a_problem(bus):
    @bus.command_handler
    def handle(): ...

    assert "takes no message" in only_problem(bus)


def test_a_service_in_the_messages_place_is_a_problem(bus):
    @bus.command_handler
    def handle(tx: Transaction, command: PlaceOrder): ...

    assert "the first parameter is to be the message, not Transaction" in problems(bus)[0]


def test_an_annotation_that_cannot_be_resolved_is_a_problem(bus):
    @bus.command_handler
    def handle(command: "PlaceOder"): ...  # type: ignore[name-defined]  # noqa: F821  the mistake tested

    assert "an annotation cannot be resolved: name 'PlaceOder' is not defined" in only_problem(bus)


def test_an_unknown_service_is_a_problem(bus):
    @bus.command_handler
    def handle(command: PlaceOrder, database: Database): ...

    assert only_problem(bus).endswith(
        "parameter 'database': nothing provides Database; use bus.provide(...)"
    )


def test_a_parameter_without_annotation_is_a_problem(bus):
    @bus.command_handler
    def handle(command: PlaceOrder, database): ...

    assert "parameter 'database' has no annotation" in only_problem(bus)


def test_a_parameter_with_a_default_may_be_left_to_it(bus):
    @bus.command_handler
    def handle(command: PlaceOrder, retries: int = 3): ...

    assert len(bus.handlers) == 1


def test_everything_that_is_injected_is_known(bus):
    bus.provide(Database)

    @bus.command_handler
    def handle(command: PlaceOrder, database: Database, events: EventBus, queries: QueryBus): ...

    @bus.event_handler
    def subscriber(event: OrderPlaced, headers: Headers, *, tx: Transaction): ...

    assert len(bus.handlers) == 2


def test_endpoint_ids_are_taken_once(bus):
    @bus.event_handler(endpoint_id="confirm")
    def first(event: OrderPlaced): ...

    @bus.event_handler(endpoint_id="other", aliases=("confirm",), channel="c")
    def second(event: OrderPlaced): ...

    bus.add_channel("c")
    assert "alias 'confirm' is the endpoint id of" in only_problem(bus)


def test_options_that_need_a_channel_are_refused_without_one(bus):
    @bus.event_handler(delay=5, retry=Retry())
    def confirm(event: OrderPlaced): ...

    delay, retry = (text.split(": ", 1)[1] for text in problems(bus))
    assert delay == "delay= needs channel=: a synchronous handler runs when it is called"
    assert retry.startswith("retry= needs channel=")
    assert "give InstantRetry(...)" in retry


def test_an_unknown_option_gets_a_suggestion(bus):
    @bus.event_handler(chanel="c")
    def confirm(event: OrderPlaced): ...

    text = only_problem(bus)
    assert "an event handler has no option chanel=; did you mean 'channel'?" in text


def test_a_query_has_no_delay(bus):
    @bus.query_handler(delay=5)
    def answer(query: GetOrder): ...

    assert any("a query handler has no option delay=" in text for text in problems(bus))


def test_a_plain_function_has_no_loop_to_run_on(bus):
    @bus.command_handler(runs_on="asyncio")
    def handle(command: PlaceOrder): ...

    assert "this plain one runs on a thread" in only_problem(bus)


def test_plain_data_needs_a_routing_key(bus):
    @bus.event_handler
    def confirm(event: dict[str, str]): ...

    assert only_problem(bus).endswith(
        'dict is plain data, it needs a routing key: @bus.event_handler("orders.placed")'
    )


def test_plain_data_under_a_routing_key_is_fine(bus):
    @bus.event_handler("orders.placed")
    def confirm(event: dict[str, str]): ...

    assert [spec.type_name for spec in bus.handlers] == ["orders.placed"]


def test_a_handler_of_several_types_is_to_be_several_handlers(bus):
    @bus.event_handler
    def either(event: OrderPlaced | PlaceOrder): ...

    assert "OrderPlaced | " in only_problem(bus)
    assert "is several message types: write a handler for each" in only_problem(bus)


def test_a_channel_declared_twice_names_both_places(bus):
    bus.add_channel("c")
    bus.add_channel("c")

    assert "channel 'c' is declared already, at" in only_problem(bus)


def test_a_channels_own_problems_are_reported(bus):
    bus.add_channel("c", concurrency=0)
    bus.add_channel("d", speed=7)
    bus.add_channel(DynamicChannel("e", tenant=header("x"), unknown="error"))

    texts = problems(bus)
    assert any("concurrency=0" in text for text in texts)
    assert any("speed" in text for text in texts)
    assert any("unknown='error' needs tenants=" in text for text in texts)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"concurency": 3}, "channel 'c' has no option concurency=; did you mean 'concurrency'?"),
        ({"retry": 3}, "retry=3 is not allowed: give Retry(attempts=...)"),
        ({"backoff": 3}, "backoff=3 is not allowed: give Backoff(initial=...)"),
        ({"outage": ConnectionError}, "is not a tuple of exception types"),
    ],
)
def test_an_option_of_a_channel_is_refused_with_what_is_allowed(bus, option, said):
    bus.add_channel("c", **option)

    assert said in only_problem(bus)


def test_checking_covers_the_bus_itself_and_its_store():
    bus = ActorBus("shop", store="shop.db", lease=-1)

    texts = problems(bus)
    assert any("lease=-1 is not allowed" in text for text in texts)
    assert any("store 'shop.db': not a known kind of store" in text for text in texts)


def test_two_types_of_one_name_are_a_problem(bus):
    bus.message("orders.placed")(OrderPlaced)
    bus.message("orders.placed")(PlaceOrder)

    assert "message name 'orders.placed' is taken by" in only_problem(bus)


def test_a_gateway_of_an_unknown_channel_is_a_problem(bus):
    class Misrouted(EventBus, channel="outbocks"): ...

    bus.add_channel("outbox")

    @bus.command_handler
    def handle(command: PlaceOrder, events: Misrouted): ...

    assert "Misrouted: no channel 'outbocks'; did you mean 'outbox'?" in only_problem(bus)


def test_handlers_without_a_channel_listen_where_a_gateway_sends(bus):
    class Outbox(EventBus, channel="outbox_here"): ...

    bus.add_channel("outbox_here")

    @bus.command_handler
    def handle(command: PlaceOrder, events: Outbox): ...

    @bus.event_handler(concurrency=3)
    def confirm(event: OrderPlaced): ...

    assert [spec.function for spec in bus.check().endpoints_of("outbox_here")] == [confirm]


def test_services_that_need_what_nobody_provides_are_a_problem(bus):
    def make(database: Database, name: str): ...

    bus.provide(Socket, make)
    bus.provide(Database, scope="message")

    texts = problems(bus)
    assert any("Database lives for a message, this service for the whole run" in t for t in texts)
    assert any("nothing provides str" in t for t in texts)


def test_services_that_need_each_other_are_a_problem(bus):
    def make_socket(database: Database): ...
    def make_database(socket: Socket): ...

    bus.provide(Socket, make_socket)
    bus.provide(Database, make_database)

    assert "services need each other: Socket -> Database -> Socket" in only_problem(bus)


def test_a_service_provided_twice_is_a_problem(bus):
    bus.provide(Database)
    bus.provide(Database)

    assert "Database is provided already, at" in only_problem(bus)


def test_everything_is_reported_at_once_and_countable(bus):
    bus.add_channel("c", concurrency=0)

    @bus.command_handler(channel="d", priority="high")
    def handle(command, database: Database): ...

    with pytest.raises(BusConfigurationError) as caught:
        bus.check()

    assert len(caught.value.problems) == 5
    assert str(caught.value).startswith("bus 'shop' cannot start, 5 problems:\n  ")
    assert all(problem.where.startswith(str(HERE)) for problem in caught.value.problems)


def paint(order: PlaceOrder, headers: Headers, size: int = 3) -> None: ...


def paint_with_more(order: PlaceOrder, tx: Transaction, events: EventBus) -> None: ...


def test_a_module_level_function_of_message_and_headers_may_run_in_another_process(bus):
    bus.command_handler(runs_on="process")(paint)
    assert bus.check().handlers[0].world == "process"


def test_what_a_handler_in_another_process_cannot_have_is_reported_with_all_else(bus):
    bus.command_handler(runs_on="process")(paint_with_more)

    first, second = problems(bus)
    assert "runs_on='process': parameter 'tx': Transaction stays here" in first
    assert "parameter 'events': EventBus stays here; only Headers can go there" in second


def test_neither_function_nor_message_of_another_process_may_be_hidden_in_a_function(bus):
    @dataclass(frozen=True)
    class Hidden:
        number: int

    @bus.event_handler(runs_on="process")
    def handle(event: Hidden): ...

    first, second = problems(bus)
    assert "handle is defined in a function, where another process cannot find it" in first
    assert "Hidden is defined in a function, where another process cannot find it" in second
