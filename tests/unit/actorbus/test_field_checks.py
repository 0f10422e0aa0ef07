"""Rules that ask for a field that the messages of their handlers do not have."""

from dataclasses import dataclass
from typing import TypedDict

import msgspec
import pytest

from actorbus import (
    ActorBus,
    BusConfigurationError,
    DynamicChannel,
    Ordering,
    RoutedChannel,
    field,
)


@dataclass(frozen=True)
class Moved:
    account: str
    cents: int

    @property
    def bank(self) -> str:
        return self.account[:4]


class Renamed(msgspec.Struct, rename="camel"):
    account_number: str


class Row(TypedDict):
    account: str


@dataclass(frozen=True)
class Parent:
    pass


@dataclass(frozen=True)
class Child(Parent):
    account: str


def faults(bus):
    with pytest.raises(BusConfigurationError) as caught:
        bus.check()
    return [problem.text for problem in caught.value.problems]


def bus_with(kind, *, channel="ledger", **options):
    bus = ActorBus("bank")
    bus.add_channel("ledger")
    bus.add_channel("spare")

    def book(event):
        pass

    book.__annotations__["event"] = kind
    bus.event_handler(channel=channel, **options)(book)
    return bus


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("ordering_key", field("acount")),
        ("ordering_key", Ordering(field("acount"), on_failure="park")),
        ("deduplicate", field("acount")),
    ],
)
def test_a_misspelt_field_of_a_handler_is_refused_at_start_up(option, rule):
    [text] = faults(bus_with(Moved, **{option: rule}))

    assert text == (
        f"{option}=field('acount'): Moved has no field 'acount'; did you mean 'account'?"
        " (known: account, cents)"
    )


@pytest.mark.parametrize("option", ["ordering_key", "deduplicate"])
def test_a_misspelt_field_of_a_channel_is_refused_with_the_handler_that_lacks_it(option):
    bus = bus_with(Moved, channel="keyed")
    bus.add_channel("keyed", **{option: field("acount")})

    [text] = faults(bus)

    assert text.startswith(f"{option}=field('acount') of channel 'keyed': Moved has no field")


def test_a_handler_with_a_rule_of_its_own_does_not_need_the_channels_field():
    bus = bus_with(Moved, channel="keyed", ordering_key=field("account"))
    bus.add_channel("keyed", ordering_key=field("customer"))

    bus.check()


def test_a_misspelt_field_for_tenants_is_refused():
    bus = bus_with(Moved, channel="shops")
    bus.add_channel(DynamicChannel("shops", tenant=field("shop")))

    [text] = faults(bus)

    assert text.startswith("tenant=field('shop') of channel 'shops': Moved has no field 'shop'")


def test_a_misspelt_field_for_a_route_is_refused():
    bus = bus_with(Moved, channel="banks")
    bus.add_channel(RoutedChannel("banks", route=field("region"), to={"eu": "ledger"}))

    [text] = faults(bus)

    assert text.startswith("route=field('region') of channel 'banks': Moved has no field")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Moved, "account"),
        (Moved, "bank"),  # a property
        (Renamed, "account_number"),  # by its name in Python, which the rule looks for
        (Row, "account"),
        (Parent, "account"),  # its subclasses may have it
    ],
)
def test_fields_that_messages_may_have_are_taken(kind, name):
    bus_with(kind, ordering_key=field(name)).check()


def test_plain_data_says_nothing_of_its_fields():
    bus = ActorBus("bank")
    bus.add_channel("ledger")

    @bus.event_handler("bank.moved", channel="ledger", ordering_key=field("account"))
    def book(event: dict[str, str]) -> None: ...

    bus.check()


def test_it_is_told_with_what_else_is_wrong_with_the_handler():
    texts = faults(bus_with(Moved, ordering_key=field("acount"), concurrency=0))

    assert [text.partition("=")[0] for text in sorted(texts)] == ["concurrency", "ordering_key"]
