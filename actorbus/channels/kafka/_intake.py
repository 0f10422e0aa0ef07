"""The actor that fetches from the broker: it alone has the connection, so it alone fails with it.

What it fails with, the broker's or the store's errors, its supervisor answers with a restart under
its backoff: it joins the group again then, and what was not dealt with is fetched again.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import trio

from actorbus._bus_events import (
    BrokerRecovered,
    BrokerTrouble,
    ChannelStalled,
    PartitionsAssigned,
    PartitionsRevoked,
    StoreTrouble,
)
from actorbus._driver_thread import DriverThread
from actorbus._store import Claimed, StoreError
from actorbus.channels._errors import IntakeStalled
from actorbus.channels._intake import LONGEST_CLAIM
from actorbus.channels.kafka._arrivals import Arrivals
from actorbus.channels.kafka._desk import KafkaDesk
from actorbus.channels.kafka._partitions import Partition, Place
from actorbus.endpoints._surroundings import Surroundings
from actorbus.options._options import as_seconds
from actors import Actor
from supervisors import leaves

if TYPE_CHECKING:
    from actorbus.channels.kafka._session import Session, SessionEvent

ASK_AGAIN_EVERY: Final = 0.25
"""Seconds between two questions for messages that another process handles: if that one has died,
they lie for so much longer than its lease."""
LAST_WORDS: Final = 2.0
"""Seconds for the last settlements, the last commit and the note in the store, at the end."""
BROKER = "broker"
"""The name of its actor."""


class KafkaIntake(Actor, restart="permanent", runs_on="trio"):
    """Fetches for one channel, from its start to its end."""

    def __init__(self, bus: Surroundings, desk: KafkaDesk) -> None:
        super().__init__()
        self._bus = bus
        self._desk = desk
        self._drivers: DriverThread = bus.drivers
        self._consumer: _Consumer | None = None

    async def on_start(self) -> None:
        """Begin to fetch."""
        self.context.start_soon(self._consume)

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        desk = self._desk
        return {
            "kind": "broker intake",
            "channel": desk.channel.name,
            "group": desk.group,
            "partitions": len(desk.partitions),
            "fetched": 0 if self._consumer is None else self._consumer.fetched,
            "left": desk.left,
            "trouble": None if desk.trouble is None else str(desk.trouble),
        }

    async def _consume(self) -> None:
        from actorbus.channels.kafka._session import Session

        send, receive = trio.open_memory_channel["SessionEvent | None"](math.inf)
        drivers = self._drivers
        await drivers.start()

        def put(event: "SessionEvent | None") -> None:
            if not consumer.is_over:
                send.send_nowait(event)

        session = Session(self._desk.channel, self._desk.group, lambda one: drivers.tell(put, one))
        consumer = _Consumer(self._bus, self._desk, session, path=self.context.path)
        self._consumer = consumer
        try:
            async with trio.open_nursery() as nursery:
                connected = trio.CancelScope(shield=True)
                nursery.start_soon(self._stay_connected, session, connected)
                nursery.start_soon(consumer.tick)
                self._desk.moved = lambda: put(None)
                try:
                    async for event in receive:
                        await consumer.on_event(event)
                finally:
                    consumer.is_over = True
                    with trio.move_on_after(LAST_WORDS, shield=True):
                        await consumer.end()
                    connected.cancel()
                    nursery.cancel_scope.cancel()
        except BaseException as error:
            self._tell_of(error)
            raise

    async def _stay_connected(self, session: "Session", scope: trio.CancelScope) -> None:
        with scope:
            await self._drivers.run(session.run)

    def _tell_of(self, error: BaseException) -> None:
        """Publish what is wrong; a cancellation is not. What is expected needs no traceback."""
        found = [leaf for leaf in leaves(error) if not isinstance(leaf, trio.Cancelled)]
        for leaf in found:
            if isinstance(leaf, StoreError):
                self._bus.publish(StoreTrouble(self.context.path, trio.current_time(), leaf))
            elif not isinstance(leaf, IntakeStalled):  # which has been told
                tell_of_trouble(self._bus, self._desk, self.context.path, leaf)
        if all(is_expected(leaf) for leaf in found):
            self.context.told_of(error)


def tell_of_trouble(bus: Surroundings, desk: KafkaDesk, path: str, error: BaseException) -> None:
    """Publish what is wrong with the broker, unless it is what was wrong before."""
    before, desk.trouble = desk.trouble, error
    if before is None or repr(before) != repr(error):
        bus.publish(BrokerTrouble(path, trio.current_time(), desk.channel.name, error))


def is_expected(error: BaseException) -> bool:
    """Whether an error is one that brokers, and the ways to them, have now and then."""
    from aiokafka.errors import KafkaError

    return isinstance(error, KafkaError | OSError | TimeoutError | IntakeStalled)


class _Consumer:
    """What is done about what the session tells; one thing after the other."""

    def __init__(
        self, bus: Surroundings, desk: KafkaDesk, session: "Session", *, path: str
    ) -> None:
        self._bus = bus
        self._desk = desk
        self._session = session
        self._drivers = bus.drivers
        self._path = path
        self._told: tuple[frozenset[Place], bool] | None = None
        self._handover = as_seconds(desk.channel.handover_timeout) or 0.0
        self._store_free = trio.Lock()
        self._arrivals = Arrivals(
            desk, bus.store, bus.publish, path=path, largest_body=bus.largest_body
        )
        self.is_over = False
        self.fetched = 0
        self._moved_at = trio.current_time()
        desk.wanted = self._say_what_is_wanted

    async def on_event(self, event: "SessionEvent | None") -> None:
        """Do what an event asks for; None: messages follow others, or are looked up."""
        from actorbus.channels.kafka import _session

        match event:
            case None:
                await self._in_store(self._arrivals.follow)
                await self._in_store(self._arrivals.look_up)
            case _session.Fetched(records):
                await self._in_store(self._arrivals.take, records)
                self.fetched += sum(map(len, records.values()))
                self._moved_at = trio.current_time()
                self._drivers.call_soon(self._session.looked_at)
            case _session.Assigned(places):
                await self._assigned(places)
            case _session.Revoked(places, answer):
                answer(await self._hand_over(places))
            case _session.Looked(trouble, left):
                self._looked(trouble, left)
        self._say_what_is_wanted()

    async def _in_store(self, function: Callable[..., Awaitable[None]], *args: object) -> None:
        async with self._store_free:
            await function(*args)

    # -- partitions -------------------------------------------------------------------------

    async def _assigned(self, places: Sequence[Place]) -> None:
        desk = self._desk
        desk.joined = True
        begun = await self._bus.store.begun(desk.group) if places else {}
        for place in places:
            desk.partitions[place] = Partition(place, desk.channel.window, begun.get(place, 0))
        now, numbers = trio.current_time(), tuple(sorted(number for _, number in places))
        self._bus.publish(PartitionsAssigned(self._path, now, desk.channel.name, numbers))

    async def _hand_over(self, places: Sequence[Place]) -> dict[Place, int]:
        """Give partitions up: what runs has its time, the rest is the next owner's."""
        return await self._give_up(places, self._handover)

    async def _give_up(self, places: Sequence[Place], seconds: float) -> dict[Place, int]:
        desk = self._desk
        found = [desk.partitions.pop(place) for place in places if place in desk.partitions]
        unstarted = desk.withdraw(found)
        with trio.move_on_after(seconds):
            for partition in found:
                await partition.quiet(seconds)
        running = desk.still_running(found)
        async with self._store_free:
            await self._bus.store.hand_over(desk.group, places, _noted(unstarted), running)
        now, numbers = trio.current_time(), tuple(sorted(number for _, number in places))
        if places:
            self._bus.publish(
                PartitionsRevoked(self._path, now, desk.channel.name, numbers, len(running))
            )
        return _committable(found)

    async def end(self) -> None:
        """Give all partitions up, at the end of the session; commit what is done with."""
        desk = self._desk
        desk.wanted = desk.moved = _nobody
        try:
            offsets = await self._give_up(list(desk.partitions), LAST_WORDS / 2)
        except StoreError as error:
            self._bus.publish(StoreTrouble(self._path, trio.current_time(), error))
            return
        await self._commit(offsets)

    # -- again and again --------------------------------------------------------------------

    async def tick(self) -> None:
        """Commit what is done with, and ask again for what others handle."""
        every = as_seconds(self._desk.channel.commit_every) or 1.0
        committed_at = asked_at = trio.current_time()
        while True:
            await trio.sleep(min(every, ASK_AGAIN_EVERY))
            if trio.current_time() - committed_at >= every:
                committed_at = trio.current_time()
                await self._commit(_committable(list(self._desk.partitions.values())))
            if trio.current_time() - asked_at >= ASK_AGAIN_EVERY:
                asked_at = trio.current_time()
                await self._in_store(self._ask_again)

    async def _ask_again(self) -> None:
        desk = self._desk
        left, desk.left_behind = desk.left_behind, []
        if left:
            await self._bus.store.hand_over(desk.group, [], _noted(left))
        asked, desk.asked_again = desk.asked_again, []
        await self._arrivals.receive([one for one in asked if not one.partition.closed])

    async def _commit(self, offsets: Mapping[Place, int]) -> None:
        if not offsets:
            return
        self._bus.fault_points.reach("before ack")
        try:
            await self._drivers.run(self._session.commit, offsets)
        except Exception as error:  # noqa: BLE001  the driver's: published; it comes again
            tell_of_trouble(self._bus, self._desk, self._path, error)
            return
        for place, offset in offsets.items():
            partition = self._desk.partitions.get(place)
            if partition is not None:
                partition.committed = max(partition.committed, offset)

    # -- how it is --------------------------------------------------------------------------

    def _looked(self, trouble: BaseException | None, left: int | None) -> None:
        if trouble is not None:
            tell_of_trouble(self._bus, self._desk, self._path, trouble)
            return
        self._desk.left = left
        self._watch(left)
        if self._desk.trouble is not None:
            self._desk.trouble = None
            name, now = self._desk.channel.name, trio.current_time()
            self._bus.publish(BrokerRecovered(self._path, now, name))

    def _watch(self, left: int | None) -> None:
        """Raise IntakeStalled if records are left, and wanted, and none comes for too long."""
        desk, now = self._desk, trio.current_time()
        if not left or desk.is_holding or desk.full_partitions():
            self._moved_at = now
        elif now - self._moved_at >= LONGEST_CLAIM:
            name, seconds = desk.channel.name, now - self._moved_at
            self._bus.publish(ChannelStalled(self._path, now, name, seconds))
            raise IntakeStalled(f"channel {name!r} fetched nothing for {seconds:g} s")

    def _say_what_is_wanted(self) -> None:
        wanted = self._desk.full_partitions(), self._desk.is_holding
        if wanted != self._told:
            self._told = wanted
            self._drivers.call_soon(self._session.want, wanted)


def _committable(partitions: Iterable[Partition]) -> dict[Place, int]:
    return {one.place: offset for one in partitions if (offset := one.committable) is not None}


def _noted(messages: list[Claimed]) -> list[Claimed]:
    """Return those that the inbox may have a row of."""
    return [one for one in messages if one.inbox_owner is not None]


def _nobody() -> None:
    """Tell nobody: nothing is fetched any more."""
