"""Handlers that are renamed, and versions that follow each other: nothing stored is lost."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from actorbus import ActorBus, MessagesLetGo, MessagesParked
from actorbus._store import ParkedFilter
from actorbus.operations._unknown import UnknownEndpoints
from actorbus.running import _pace
from actorbus.stores import open_store
from actorbus.testing import outgoing, process
from actors.events import Event
from tests.acceptance.command_line import ROOT
from tests.acceptance.deploy_worker import OrderPlaced, parked, shop
from tests.waiting import until

UNKNOWN = "no running process has this endpoint"


@dataclass(frozen=True)
class Ordered:
    number: int


@pytest.fixture(params=[":memory:", "file"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path / 'bus.db'}" if request.param == "file" else ":memory:"


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Look often for messages of unknown endpoints, so that no test waits for seconds."""
    monkeypatch.setattr(_pace, "WATCH_EVERY", 0.02)


def mailing(url, handled, endpoint_id="confirm", **options):
    bus = ActorBus("shop", open_store(url))
    bus.add_channel("mail")
    bus.message("Ordered")(Ordered)

    @bus.event_handler(channel="mail", endpoint_id=endpoint_id, **options)
    async def confirm(event: Ordered) -> None:
        handled.append(event.number)

    return bus


def stored_under(endpoint, count=3):
    return [
        outgoing(
            f"copy {number}",
            channel="mail",
            endpoint=endpoint,
            type_name="Ordered",
            body=b"\x81\xa6number" + bytes([number]),
        )
        for number in range(count)
    ]


class Heard:
    """The events of one kind, to be waited for."""

    def __init__(self, bus, kind):
        self.events = []
        self._any = trio.Event()
        bus.system.events.subscribe(self._note, kind)

    def _note(self, event):
        self.events.append(event)
        self._any.set()

    async def first(self):
        with trio.fail_after(20):
            await self._any.wait()
        return self.events[0]


async def test_a_renamed_handler_with_an_alias_handles_what_was_stored_before(url):
    handled: list[int] = []
    bus = mailing(url, handled, "confirm order", aliases=("confirm", "older still"))

    async with bus.running():
        await bus.store.append([*stored_under("confirm"), *stored_under("older still", 1)])
        await bus.idle()
        queues = await bus.store.statistics()

    assert sorted(handled) == [0, 0, 1, 2]
    assert sum(queue.ready + queue.parked for queue in queues) == 0


async def test_without_an_alias_its_messages_are_parked_with_that_reason(url):
    """They are counted and listed; what comes for known endpoints is handled meanwhile."""
    handled: list[int] = []
    bus = mailing(url, handled, "confirm order")

    async with bus.running():
        heard = Heard(bus, MessagesParked)
        await bus.store.append(stored_under("confirm"))
        event = await heard.first()
        await bus.events.publish(Ordered(7))
        await bus.idle()
        (listed,) = await bus.store.parked(ParkedFilter(endpoint="confirm"))
        queues = {queue.endpoint: queue for queue in (await bus.health()).queues or ()}

    assert (event.channel, event.endpoint, event.count, event.reason) == (
        "mail",
        "confirm",
        3,
        UNKNOWN,
    )
    assert (listed.reason, listed.count, queues["confirm"].parked) == (UNKNOWN, 3, 3)
    assert handled == [7]


async def test_what_was_parked_goes_on_unasked_once_an_alias_names_it(tmp_path):
    """In the order of sending, after a restart with the alias."""
    url, handled = f"sqlite:///{tmp_path / 'bus.db'}", []
    renamed = mailing(url, handled, "confirm order")
    async with renamed.running():
        heard = Heard(renamed, MessagesParked)
        await renamed.store.append(stored_under("confirm"))
        await heard.first()

    mended = mailing(url, handled, "confirm order", aliases=("confirm",), concurrency=1)
    async with mended.running():
        heard = Heard(mended, MessagesLetGo)
        if await parked(mended):
            assert (await heard.first()).count == 3
        await mended.idle()

    assert handled == [0, 1, 2]


async def test_messages_that_wait_for_their_time_are_parked_when_it_has_come(url):
    bus = mailing(url, [], "confirm order")

    async with bus.running():
        heard = Heard(bus, MessagesParked)
        (message,) = stored_under("confirm", 1)
        await bus.store.append([replace(message, delay=0.1)])
        assert (await heard.first()).count == 1


async def test_nothing_is_parked_while_a_process_that_has_just_started_may_want_it(tmp_path):
    """Such a process has a lease and has not said yet what it consumes."""
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    store, starting = open_store(url), open_store(url)
    await store.open(process("worker"))
    await store.publish_process('{"consumes": {"mail": ["confirm order"]}}')
    await starting.open(process("starting"))
    await store.append(stored_under("confirm"))
    events: list[Event] = []
    unknown = UnknownEndpoints(store, lambda: {"mail": ["confirm order"]}, events.append, "")

    await unknown.look()
    assert events == []
    await starting.publish_process('{"consumes": {"mail": ["confirm"]}}')
    await unknown.look()
    assert events == []
    await starting.close()
    await unknown.look()

    assert [type(event) for event in events] == [MessagesParked]
    await store.close()


# -- a rolling deploy -----------------------------------------------------------------------


@contextmanager
def worker(folder: Path, version: str):
    """A worker in a process of its own, once it works."""
    command = [sys.executable, "-m", "tests.acceptance.deploy_worker"]
    process = subprocess.Popen(
        [*command, f"sqlite:///{folder / 'shop.db'}", version, str(folder / "done")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "works\n"
        yield process
        process.communicate(timeout=20)  # it ends with its input
    finally:
        process.kill()
        process.communicate()


def done(folder):
    path = folder / "done"
    return sorted(path.read_text(encoding="utf-8").splitlines()) if path.exists() else []


async def test_an_old_worker_leaves_what_only_the_new_version_has_to_it(tmp_path):
    """The old process meets the messages and parks them; the new one handles them, unasked."""
    web = shop(f"sqlite:///{tmp_path / 'shop.db'}", "new", tmp_path / "done")

    with worker(tmp_path, "old") as old:
        async with web.running(consume="none"):
            await web.events.publish_many([OrderPlaced(number) for number in range(3)])
            await until(lambda: len(done(tmp_path)) == 3)
            line = await trio.to_thread.run_sync(old.stdout.readline)
            assert (line, await parked(web)) == ("parked 3\n", 3)

            with worker(tmp_path, "new"):
                await until(lambda: len(done(tmp_path)) == 6)
                assert await parked(web) == 0
                await web.events.publish(OrderPlaced(3))
                await until(lambda: len(done(tmp_path)) == 8)
                assert await parked(web) == 0

    lines = done(tmp_path)
    assert [line for line in lines if "thanked" in line] == [
        f"new thanked {number}" for number in range(4)
    ]
    confirmed = sorted(line.split()[-1] for line in lines if "confirmed" in line)
    assert confirmed == ["0", "1", "2", "3"]  # each once, by whichever had it first


@pytest.mark.parametrize("running", [False, True])
async def test_consume_for_handles_what_was_parked_until_a_version_has_the_endpoint(
    tmp_path, monkeypatch, running
):
    """Before it looks whether anything is ready; also in a bus that runs and consumed nothing."""

    async def later(self):
        pass

    monkeypatch.setattr(UnknownEndpoints, "look", later)
    url = f"sqlite:///{tmp_path / 'bus.db'}"
    older = mailing(url, [], endpoint_id="confirm")
    async with older.running(consume="none"):
        await older.store.append(stored_under("thank"))
        await older.store.park("mail", "thank", UNKNOWN)
    handled: list[int] = []
    bus = mailing(url, handled, endpoint_id="thank")

    if running:
        async with bus.running(consume="none"):
            count = await bus.consume_for(60)
    else:
        count = await bus.consume_for(60)

    assert (count, sorted(handled)) == (3, [0, 1, 2])
