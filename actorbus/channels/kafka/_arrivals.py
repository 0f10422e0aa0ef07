"""What becomes of records that were fetched: told apart, looked up, handed to the desk.

Rules:
 1. Suspects, and messages for endpoints that this process does not have, are taken over by the
    store: there the first come one at a time, the others wait for a process that knows them.
 2. A record of another program is a message for the handler that takes such records, else a dead
    letter.
 3. All others are looked up, a stretch of them with one question: those that were handled are done
    with, those that another process handles are asked for again, those behind messages in the store
    follow them.
 4. All of this goes on in the order of the records, in one task, so that keys keep theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio
from msgspec.structs import replace

from actorbus._bus_events import MessageDied
from actorbus._settlement import DeadLetter, DeadLetterReason, Failure
from actorbus._store import Claimed, Store
from actorbus.channels.kafka._desk import KafkaDesk
from actorbus.channels.kafka._partitions import Delivery, Partition, Place
from actorbus.channels.kafka._records import (
    FOREIGN,
    ForeignRecord,
    Record,
    foreign_message,
    from_record,
)
from actors.events import Event

NOBODY: Final = "foreign"
"""The endpoint in the dead letters of foreign records that no handler takes."""


@dataclass(slots=True)
class _Sorted:
    """Deliveries by what is to be done with them."""

    adopted: list[Delivery] = field(default_factory=list)
    letters: list[tuple[Delivery, ForeignRecord]] = field(default_factory=list)
    fresh: list[Delivery] = field(default_factory=list)


class Arrivals:
    """Takes over what was fetched for one channel, a batch at a time."""

    def __init__(
        self,
        desk: KafkaDesk,
        store: Store,
        publish: Callable[[Event], None],
        *,
        path: str,
        largest_body: int,
    ) -> None:
        self._desk = desk
        self._store = store
        self._publish = publish
        self._path = path
        self._largest = largest_body
        self._foreign = desk.foreign_endpoint

    async def take(self, fetched: Mapping[Place, Sequence[Record]]) -> None:
        """Take over a batch. Raises the store's errors: then it is to be fetched again."""
        found = _Sorted()
        for place, records in fetched.items():
            partition = self._desk.partitions.get(place)
            if partition is not None:
                self._sort(partition, records, found)
        await self.adopt(found.adopted)
        await self._bury(found.letters)
        self._desk.ahead.add(found.fresh)
        await self.look_up()

    async def look_up(self) -> None:
        """Look up what handlers soon need."""
        while stretch := self._desk.ahead.take(self._desk.fewest_waiting):
            await self.receive(stretch)

    def _sort(self, partition: Partition, records: Sequence[Record], found: _Sorted) -> None:
        for record in records:
            offset = record.offset
            if partition.begins_anew(offset):
                partition = self._begin_anew(partition)
            partition.deliver(offset)
            self._sort_one(record, partition, found)

    def _begin_anew(self, before: Partition) -> Partition:
        """Return the partition of a topic that was made anew: its offsets are others."""
        self._desk.withdraw([before])
        partition = Partition(before.place, self._desk.channel.window)
        self._desk.partitions[before.place] = partition
        return partition

    def _sort_one(self, record: Record, partition: Partition, found: _Sorted) -> None:
        desk = self._desk
        read = from_record(record, desk.channel.name)
        message = self._message(read)
        suspect = record.offset < partition.suspects_to
        if suspect:
            message = replace(message, suspect=True)
        delivery = desk.delivered(message, partition, record.offset)
        if delivery is None:
            return
        if isinstance(read, ForeignRecord) and self._foreign is None:
            found.letters.append((delivery, read))
        elif suspect or not desk.serves(message.endpoint):
            found.adopted.append(delivery)
        else:
            found.fresh.append(delivery)

    def _message(self, read: Claimed | ForeignRecord) -> Claimed:
        if isinstance(read, ForeignRecord):
            read = foreign_message(read, self._desk.channel.name, self._foreign or NOBODY)
        if len(read.body) > self._largest:  # the handler refuses it; the dead letter has all of it
            return replace(read, unread_bytes=len(read.body))
        return read

    # -- in the store -----------------------------------------------------------------------

    async def adopt(self, deliveries: Sequence[Delivery]) -> None:
        """Have the store take messages over."""
        if not deliveries:
            return
        await self._store.adopt([one.claimed for one in deliveries])
        for one in deliveries:
            self._desk.done(one)

    async def follow(self) -> None:
        """Have messages follow others of their ordering key into the store."""
        moved = self._desk.lines.take_moved()
        for one in moved:
            one.in_line = False
        await self.adopt(moved)

    async def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Look messages up in the inbox, and hand on those that are to be handled."""
        if not deliveries:
            return
        desk = self._desk
        received = await self._store.receive(
            desk.group, [one.claimed for one in deliveries], desk.noting
        )
        for one in self._known(received.handled):
            desk.done(one)
        for one in self._known(received.busy):
            desk.ask_again(one)
        stored: list[Delivery] = []
        for one in self._known(received.stored):
            if desk.is_in_line(one) and not one.in_line:
                desk.lines_up(one)  # those before it are here: it goes where they go
            else:
                stored.append(one)
        await self._store_behind(stored)
        desk.arrived(received.fresh)
        await self.follow()

    async def _store_behind(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            await self._store.adopt([one.claimed for one in deliveries])
        for one in deliveries:
            self._desk.done(one, stored=True)

    def _known(self, messages: Sequence[Claimed]) -> list[Delivery]:
        """Return the deliveries of messages that are here still."""
        found = (self._desk.deliveries.get((one.endpoint, one.message_id)) for one in messages)
        return [one for one in found if one is not None]

    async def _bury(self, letters: Sequence[tuple[Delivery, ForeignRecord]]) -> None:
        """Make dead letters of what nobody takes."""
        if not letters:
            return
        now = self._store.now()
        batch = [(one.claimed, _letter(record, now)) for one, record in letters]
        await self._store.settle(batch)
        for one, record in letters:
            self._desk.done(one)
            self._publish(self._died(one.claimed, record))

    def _died(self, claimed: Claimed, record: ForeignRecord) -> MessageDied:
        return MessageDied(
            self._path,
            trio.current_time(),
            claimed.endpoint,
            claimed.tenant,
            claimed.copy_id,
            claimed.message_id,
            0,
            DeadLetterReason.UNDECODABLE,
            UndecodableRecord(record.why),
        )


class UndecodableRecord(ValueError):
    """A record is no message, and no handler of its channel takes a ForeignRecord."""


def _letter(record: ForeignRecord, now: float) -> DeadLetter:
    failure = Failure(FOREIGN, record.why, "", now, 0)
    return DeadLetter(DeadLetterReason.UNDECODABLE, failure)
