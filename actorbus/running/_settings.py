"""What `ActorBus(...)` was told, and what a run is told besides; the start-up check of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import trio

from actorbus._errors import Problem
from actorbus._own_frames import RUNTIME
from actorbus.consuming._limits import Limits
from actorbus.options._options import Seconds, as_seconds, is_text, is_whole
from actorbus.running._pace import Pace
from actors import ActorSystem
from supervisors import Strategy


@dataclass(frozen=True, slots=True)
class Settings:
    """What `ActorBus(...)` was told that matters while it runs. Times are seconds.

    `pace` is how often the store is looked after, if not as usual.
    """

    name: str
    lease: float
    shutdown_timeout: float
    seed: int | None
    pace: Pace | None = None
    deduplicate_for: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run consumes from its start on, in this order, and what ends that."""

    channels: Sequence[str]
    limits: Limits = Limits()  # noqa: RUF009  it is frozen, and may be shared
    prioritised: bool = False


@dataclass(frozen=True, slots=True)
class SystemOptions:
    """What `ActorBus(...)` was told that its actor system is made with."""

    runs_on: Literal["trio", "asyncio"] | None
    strategy: Strategy | None
    blocked_after: float | None
    max_threads: int
    max_processes: int | None

    def make_system(self, settings: Settings, clock: trio.abc.Clock | None) -> ActorSystem:
        """Make the system of one run. It is not started yet."""
        system = ActorSystem(
            settings.name,
            strategy=self.strategy,
            clock=clock,
            seed=settings.seed,
            shutdown_timeout=settings.shutdown_timeout,
            runs_on=self.runs_on,
            blocked_after=self.blocked_after,
            max_threads=self.max_threads,
            max_processes=self.max_processes,
        )
        system.runtime_code += RUNTIME
        return system


def wrong_settings(settings: Settings, system: SystemOptions) -> Iterator[Problem]:
    """Find what `ActorBus(...)` may not be told."""
    for text in (*_wrong_names(settings, system), *_wrong_times(settings, system)):
        yield Problem("ActorBus(...)", text)
    for name in ("max_threads", "max_processes"):
        value = getattr(system, name)
        if value is None and name == "max_processes":
            continue
        if not is_whole(value) or value < 1:
            text = f"{name}={value!r} is not a whole number of at least 1"
            yield Problem("ActorBus(...)", text)


def _wrong_names(settings: Settings, system: SystemOptions) -> Iterator[str]:
    if not is_text(settings.name) or not settings.name or "/" in settings.name:
        yield f"name={settings.name!r} is not allowed: give text without '/'"
    if system.runs_on not in (None, "trio", "asyncio"):  # it may be unhashable
        yield f"runs_on={system.runs_on!r} is not allowed: give 'trio' or 'asyncio'"


def _wrong_times(settings: Settings, system: SystemOptions) -> Iterator[str]:
    for name in ("lease", "shutdown_timeout"):
        value = getattr(settings, name)
        seconds = None if isinstance(value, timedelta) else as_seconds(value)
        if seconds is None or seconds <= 0:
            yield f"{name}={value!r} is not allowed: give a number of seconds above 0"
    blocked_after = system.blocked_after
    if blocked_after is not None and (as_seconds(blocked_after) or 0) <= 0:
        yield f"blocked_after={blocked_after!r} is not allowed: give a number above 0, or None"
