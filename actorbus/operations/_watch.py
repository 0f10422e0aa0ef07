"""Progress is watched, not only life: an intake that claims nothing although it could restarts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from actorbus._store import QueueStatistics, Store
from actorbus.channels._desk import Desk, intake_path
from actorbus.channels._intake import Stalled
from actors import ActorSystem

LONGEST_SILENCE = 10.0
"""Seconds for which a channel may claim nothing while messages are ready and there is room."""


@dataclass(slots=True)
class Silence:
    """Since when a channel has had room and claimed nothing. Pure."""

    since: float | None = None
    claimed: int = 0

    def look(self, now: float, claimed: int, *, has_room: bool) -> float:
        """Return for how many seconds it has been silent, 0 if it is not."""
        if claimed != self.claimed or not has_room:
            self.claimed, self.since = claimed, None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


class ProgressWatch:
    """Looks at all channels of a process. It asks the store only about those that are silent."""

    def __init__(
        self, store: Store, system: ActorSystem, desks: Callable[[], Sequence[Desk]]
    ) -> None:
        self._store = store
        self._system = system
        self._desks = desks
        self._silences: dict[Desk, Silence] = {}

    async def look(self) -> None:
        """Restart the intakes of channels that are stalled."""
        self._silences = {desk: self._silences.get(desk, Silence()) for desk in self._desks()}
        silent = [
            (desk, silence, seconds)
            for desk, silence in self._silences.items()
            if (seconds := self._seconds(desk, silence)) >= LONGEST_SILENCE
        ]
        if not silent:
            return
        queues = await self._store.statistics()
        for desk, silence, seconds in silent:
            silence.since = None
            if desk.holds_ready or any(_is_ready_for(desk, queue) for queue in queues):
                self._restart(desk, seconds)

    def _seconds(self, desk: Desk, silence: Silence) -> float:
        has_room = desk.has_room and desk.has_turn()
        return silence.look(trio.current_time(), desk.claimed, has_room=has_room)

    def _restart(self, desk: Desk, seconds: float) -> None:
        self._system[intake_path(desk, self._system.name)].tell(Stalled(seconds))


def _is_ready_for(desk: Desk, queue: QueueStatistics) -> bool:
    if not queue.ready or queue.channel != desk.channel.name:
        return False
    return desk.could_take(queue.endpoint, queue.tenant)
