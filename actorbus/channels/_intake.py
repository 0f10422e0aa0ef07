"""The actor that claims for a channel. It alone touches the store, so it alone fails with it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf

import trio

from actorbus._bus_events import ChannelStalled, StoreTrouble
from actorbus._store import StoreError
from actorbus.channels._desk import Desk
from actorbus.channels._errors import IntakeStalled
from actorbus.channels._ranking import LOOK as LOOK_EVERY
from actorbus.endpoints._surroundings import Surroundings
from actors import Actor, ActorDeadError

LONGEST_CLAIM = 10.0
"""Seconds after which a claim that has not come back makes the intake restart."""


@dataclass(frozen=True, slots=True)
class Claim:
    """There is room, or something became ready: claim."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """Messages are ready and there is room, but nothing was claimed for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """The channel's pause is over."""


CLAIM = Claim()
LOOK = Look()


class Intake(Actor, restart="permanent", runs_on="trio"):
    """Claims by credit for all endpoints of a channel, one claim at a time.

    A claim is a message to itself, sent once however many ask: while one is under way, what
    happens meanwhile is looked at by the next.
    """

    def __init__(self, bus: Surroundings, desk: Desk) -> None:
        super().__init__()
        self._bus = bus
        self._desk = desk
        self.claims = 0
        self.claimed = 0
        self.claimed_at = 0.0
        self._looks_at = inf
        self._waited = False

    async def on_start(self) -> None:
        """Make sure that the store is there, if it failed the last instance; then claim."""
        self.claimed_at = trio.current_time()
        if self.restarts:
            await self._check_store()
        ref = self.context.ref

        def ring() -> None:
            with suppress(ActorDeadError):  # the bus is stopping: nothing is claimed any more
                ref.tell(CLAIM)

        if self._desk.throttling is not None:
            self._desk.throttling.connect(self.context.start_soon)
        self._desk.bell.connect(ring)

    async def on_receive(self, message: Claim | Look | Stalled) -> None:
        """Claim, or restart."""
        if isinstance(message, Stalled):
            self._stalled(message.seconds)
        if isinstance(message, Look):
            self._looks_at = inf
        if self._desk.has_turn():
            await self._claim()
            self._look_in(self._desk.pause)
        else:
            self._wait_for_turn(again=isinstance(message, Look))

    def _look_in(self, pause: float) -> None:
        at = trio.current_time() + pause
        if pause > 0 and at < self._looks_at:
            self._looks_at = at
            self.context.schedule_once(pause, LOOK)

    def _wait_for_turn(self, *, again: bool) -> None:
        """Leave it to channels of a higher priority; what is not begun goes back in the end."""
        self._waited = True
        if again:
            for endpoint in self._desk.all_endpoints():
                endpoint.give_back()
        self._look_in(LOOK_EVERY)

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        return {
            "kind": "intake",
            "channel": self._desk.channel.name,
            "claims": self.claims,
            "claimed": self.claimed,
        }

    async def _check_store(self) -> None:
        try:
            await self._bus.store.reopen()
        except StoreError as error:
            self._in_trouble(error)
            raise

    async def _claim(self) -> None:
        if not self._bus.lease_holds():
            self._desk.bell.answer()  # the lease's renewal wakes all channels
            return
        if self._waited:
            self._go_on()
        count = 0
        self._desk.claiming = True
        with trio.move_on_after(LONGEST_CLAIM) as limit:
            try:
                count = await self._desk.claim(self._bus.store)
            except StoreError as error:
                self._in_trouble(error)
                raise
            finally:
                self._desk.claiming = False
        if limit.cancelled_caught:
            self._stalled(LONGEST_CLAIM)
        self._count(count)

    def _go_on(self) -> None:
        """Wake the workers that had to wait for a turn."""
        self._waited = False
        for endpoint in self._desk.all_endpoints():
            endpoint.workload.notify()

    def _count(self, count: int) -> None:
        self.claims += 1
        self.claimed += count
        if count:
            self.claimed_at = trio.current_time()
            self._desk.look_again()

    def _in_trouble(self, error: StoreError) -> None:
        self._bus.publish(StoreTrouble(self.context.path, trio.current_time(), error))

    def _stalled(self, seconds: float) -> None:
        name, now = self._desk.channel.name, trio.current_time()
        self._bus.publish(ChannelStalled(self.context.path, now, name, seconds))
        raise IntakeStalled(f"channel {name!r} claimed nothing for {seconds:g} s")
