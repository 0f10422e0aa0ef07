"""Pauses: channels, and endpoints, whose messages are kept and not taken for the time being."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """A channel, or one endpoint of it, that takes nothing now. Sending to it goes on."""

    channel: str
    endpoint: str
    """The id of the one endpoint that is meant; "" for all of the channel's."""
    paused_at: float
    """Unix time at which it was paused."""
    until: float | None
    """Unix time at which it ends by itself; None: when it is resumed."""
    reason: str
    """In the words of whoever paused it; "" if they gave none."""

    def __str__(self) -> str:
        what = f"{self.endpoint} paused" if self.endpoint else "paused"
        return f"{what}: {self.reason}" if self.reason else what


class Paused:
    """Which endpoints are paused now. Changed by the poller, asked by desks."""

    def __init__(self) -> None:
        self.pauses: tuple[Pause, ...] = ()
        self._names: frozenset[tuple[str, str]] = frozenset()

    def change(self, pauses: Iterable[Pause]) -> bool:
        """Take over the pauses that hold now; return whether others are paused than before."""
        self.pauses = tuple(pauses)
        names = frozenset((pause.channel, pause.endpoint) for pause in self.pauses)
        changed = names != self._names
        self._names = names
        return changed

    def holds(self, channel: str, endpoints: Iterable[str]) -> bool:
        """Whether this endpoint, under any of its ids, is paused, or its whole channel."""
        if not self._names:
            return False
        return any((channel, endpoint) in self._names for endpoint in ("", *endpoints))

    def of(self, channel: str) -> tuple[Pause, ...]:
        """Return the pauses of a channel and of its endpoints."""
        return tuple(pause for pause in self.pauses if pause.channel == channel)

    def words(self, channel: str) -> str:
        """Return the pauses of a channel in words, "" if there are none."""
        return ", ".join(map(str, self.of(channel)))
