"""How a consumption ends: intake first, then what was begun, then the rest."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import trio

from actorbus.channels._desk import Desk, Endpoint
from actorbus.consuming._limits import Unfinished

logger = logging.getLogger("actorbus")

LAST_SETTLEMENTS = 1.0
"""Seconds that writing the last settlements may take once the time is over."""


async def wind_up(
    desks: Sequence[Desk], timeout: float, stop_actors: Callable[[], Awaitable[None]]
) -> tuple[Unfinished, ...]:
    """Stop taking messages, finish what was begun, release the rest; return what was cut.

    Takes at most `timeout` seconds and what the cancelled handlers need to end.
    """
    until = trio.current_time() + timeout
    for desk in desks:
        desk.close()
    cut = _Cut([endpoint for desk in desks for endpoint in desk.all_endpoints()])
    with trio.move_on_at(until):
        await cut.drained()
    cut.note_running()
    await stop_actors()
    with trio.move_on_at(max(until, trio.current_time() + LAST_SETTLEMENTS)):
        await cut.settled()
    for one in cut.unfinished:
        logger.warning("not finished: %s of %s", one.copy_id, one.endpoint)
    return tuple(cut.unfinished)


class _Cut:
    """The endpoints at the end: closed, drained, and asked what they did not finish."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self.unfinished: list[Unfinished] = []

    async def drained(self) -> None:
        """Wait until nothing runs, and everything is settled."""
        await self._until(lambda workload: not workload.running and not workload.uncommitted)

    async def settled(self) -> None:
        """Wait until everything is settled."""
        await self._until(lambda workload: not workload.uncommitted)

    def note_running(self) -> None:
        """Remember what runs still, and will be cancelled."""
        for endpoint in self._endpoints:
            workload = endpoint.workload
            name = workload.plan.spec.endpoint_id
            for claimed in workload.running.values():
                self.unfinished.append(Unfinished(name, claimed.copy_id, claimed.message_id))

    async def _until(self, done: Callable[..., bool]) -> None:
        # The counts change in many places, all of them hot; at the end looking is cheap enough.
        while not all(done(endpoint.workload) for endpoint in self._endpoints):  # noqa: ASYNC110  # no bell
            await trio.sleep(0.005)
