"""What a class says of its actors: the keywords of `class Worker(Actor, restart="permanent")`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

from actors._mailbox import Mailbox
from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Decider,
    Disposition,
    Intensity,
    RestartKind,
)

Seconds: TypeAlias = float | timedelta
RunsOn: TypeAlias = Literal["trio", "asyncio"]
HandlersRunOn: TypeAlias = RunsOn | Literal["process"]

DEFAULT_MAILBOX: Final = Mailbox()

_OF_THE_SPEC: Final = (
    "restart",
    "shutdown_timeout",
    "handler_timeout",
    "mailbox",
    "disposition",
    "intensity",
    "backoff",
    "decider",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How one actor is run. The first eight are those of `ChildSpec`, which replaces them all.

    `abandon` lets an actor restart without a plain handler that is past its `handler_timeout`;
    `drain` lets it handle what waits, within its time, when its parent stops it; `runs_on` is where
    its `async def` handlers run (None: as its system says), or "process" for static plain ones.
    """

    restart: RestartKind = "transient"
    shutdown_timeout: float = 5.0
    handler_timeout: float | None = None
    mailbox: Mailbox = field(default=DEFAULT_MAILBOX)
    disposition: Disposition = "dead_letter"
    intensity: Intensity | None = None
    backoff: Backoff | None = None
    decider: Decider | None = None
    abandon: bool = False
    drain: bool = False
    runs_on: HandlersRunOn | None = None

    def with_options(self, owner: Any, options: dict[str, Any]) -> Settings:
        """Return these settings with a class's keywords in their place.

        Raises:
            ConfigurationError: an unknown keyword, or a value that is not allowed

        """
        known = set(Settings.__dataclass_fields__)
        unknown = [
            f"{key}= is not known (known: {', '.join(sorted(known))})"
            for key in options
            if key not in known
        ]
        if unknown:
            raise ConfigurationError(owner.__name__, *unknown)
        runs_on = options.get("runs_on")
        if runs_on not in {None, "trio", "asyncio", "process"}:
            allowed = "give 'trio', 'asyncio' or 'process'"
            raise ConfigurationError(
                owner.__name__, f"runs_on={runs_on!r} is not allowed: {allowed}"
            )
        of_the_spec = {key: options[key] for key in _OF_THE_SPEC if key in options}
        checked = ChildSpec(owner, **of_the_spec)
        values: dict[str, Any] = {key: getattr(checked, key) for key in of_the_spec}
        values = {**options, **values}
        if "mailbox" in values:
            values["mailbox"] = as_mailbox(values["mailbox"], self.mailbox)
        return replace(self, **values)

    def with_class(self, of_class: Settings) -> Settings:
        """Return these settings with what only a class can say."""
        return replace(
            self, abandon=of_class.abandon, drain=of_class.drain, runs_on=of_class.runs_on
        )

    def with_spec(self, spec: ChildSpec) -> Settings:
        """Return these settings with those of a child's spec in their place."""
        values = {key: getattr(spec, key) for key in _OF_THE_SPEC}
        values["mailbox"] = as_mailbox(spec.mailbox, self.mailbox)
        return replace(self, **values)


def as_mailbox(value: Any, default: Mailbox) -> Mailbox:
    """Return a Mailbox from one, from a capacity, or from None for the default.

    Raises:
        ConfigurationError: it is neither

    """
    if value is None:
        return default
    if isinstance(value, Mailbox):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return replace(default, capacity=value)
    raise ConfigurationError("mailbox", f"{value!r} is not allowed: give a Mailbox or a capacity")


def as_seconds(value: Seconds) -> float:
    """Return seconds from a number or a timedelta."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
