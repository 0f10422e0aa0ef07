"""Pykka's ThreadingActors and ours talk to each other, in both directions."""

import pykka
import pytest

from actors import Actor, ActorDeadError, ActorSystem, Reply


class Theirs(pykka.ThreadingActor):
    def __init__(self, other=None):
        super().__init__()
        self.other = other

    def on_receive(self, message):
        return self.other.ask(message) if self.other else ("theirs", message)

    def double(self, number):
        return 2 * number


class Ours(Actor):
    def __init__(self, other=None):
        super().__init__()
        self.other = other

    def on_receive(self, message):
        return self.other.ask(message) if self.other else ("ours", message)

    def double(self, number):
        return 2 * number


class OursOnTrio(Actor):
    def __init__(self, other):
        super().__init__()
        self.other = other

    async def on_receive(self, message):
        return await Reply.of(self.other.ask(message, block=False))


@pytest.fixture
def system():
    with ActorSystem("neighbours") as system:
        yield system


@pytest.fixture(autouse=True)
def _stop_theirs():
    yield
    pykka.ActorRegistry.stop_all(timeout=5)


def test_theirs_asks_ours(system):
    ours = system.spawn(Ours)

    assert Theirs.start(ours).ask("hello", timeout=5) == ("ours", "hello")


def test_ours_asks_theirs_from_a_plain_handler(system):
    ours = system.spawn(Ours, Theirs.start())

    assert ours.ask("hello", timeout=5) == ("theirs", "hello")


def test_ours_awaits_theirs_from_an_async_handler(system):
    ours = system.spawn(OursOnTrio, Theirs.start())

    assert ours.ask("hello", timeout=5) == ("theirs", "hello")


def test_a_chain_crosses_the_border_twice(system):
    chain = system.spawn(Ours, Theirs.start(system.spawn(Ours)))

    assert chain.ask("hello", timeout=5) == ("ours", "hello")


def test_proxies_of_both_kinds_are_used_alike(system):
    doubled = [
        Theirs.start().proxy().double(21).get(timeout=5),
        system.spawn(Ours).proxy().double(21).get(timeout=5),
    ]

    assert doubled == [42, 42]


def test_their_futures_and_ours_are_joined(system):
    theirs, ours = Theirs.start(), system.spawn(Ours)

    joined = ours.request(1).join(theirs.ask(2, block=False))
    other_way = theirs.ask(3, block=False).join(ours.request(4))

    assert joined.get(timeout=5) == [("ours", 1), ("theirs", 2)]
    assert other_way.get(timeout=5) == [("theirs", 3), ("ours", 4)]


def test_theirs_sees_the_death_of_ours(system):
    ours = system.spawn(Ours)
    ours.stop()

    with pytest.raises(ActorDeadError):
        Theirs.start(ours).ask("hello", timeout=5)


def test_the_registry_stops_both_kinds():
    refs = [Theirs.start(), Ours.start()]

    assert set(pykka.ActorRegistry.get_all()) >= set(refs)
    pykka.ActorRegistry.stop_all(timeout=5)
    assert [ref.is_alive() for ref in refs] == [False, False]


def test_only_actors_of_the_default_system_are_registered(system):
    system.spawn(Ours)

    assert pykka.ActorRegistry.get_by_class_name("Ours") == []
