"""What a class says of its actors: the keywords of `class Worker(Actor, restart="permanent")`."""

from __future__ import annotations

import math
from collections.abc import Mapping
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

RUNS_ON: Final = ("trio", "asyncio", "process")

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
        of_the_spec = {key: options[key] for key in _OF_THE_SPEC if key in options}
        problems = _problems(options)
        checked, mailbox = None, self.mailbox
        try:
            checked = ChildSpec(owner, **of_the_spec)
        except ConfigurationError as error:
            problems += error.problems
        try:
            mailbox = as_mailbox(options.get("mailbox"), self.mailbox)
        except ConfigurationError as error:
            problems += [f"{error.owner}: {problem}" for problem in error.problems]
        if problems:
            raise ConfigurationError(owner.__name__, *problems)
        values: dict[str, Any] = {key: getattr(checked, key) for key in of_the_spec}
        return replace(self, **{**options, **values, "mailbox": mailbox})

    def with_class(self, of_class: Settings) -> Settings:
        """Return these settings with what only a class can say."""
        return replace(
            self, abandon=of_class.abandon, drain=of_class.drain, runs_on=of_class.runs_on
        )

    def as_spec(self, factory: Any) -> ChildSpec:
        """Return a spec that says the same of `factory` as these settings."""
        return ChildSpec(factory, **{key: getattr(self, key) for key in _OF_THE_SPEC})

    def with_spec(self, spec: ChildSpec) -> Settings:
        """Return these settings with those of a child's spec in their place."""
        values = {key: getattr(spec, key) for key in _OF_THE_SPEC}
        values["mailbox"] = as_mailbox(spec.mailbox, self.mailbox)
        return replace(self, **values)


def _problems(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the keywords that a ChildSpec does not know."""
    known = set(Settings.__dataclass_fields__)
    problems = [
        f"{key}= is not known (known: {', '.join(sorted(known))})"
        for key in options
        if key not in known
    ]
    problems += [
        f"{key}={options[key]!r} is not allowed: give True or False"
        for key in ("abandon", "drain")
        if not isinstance(options.get(key, False), bool)
    ]
    runs_on: object = options.get("runs_on")
    if runs_on is not None and runs_on not in RUNS_ON:
        problems.append(f"runs_on={runs_on!r} is not allowed: give 'trio', 'asyncio' or 'process'")
    return problems


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


def as_seconds(value: Seconds, what: str = "seconds", *, at_least: float = -math.inf) -> float:
    """Return seconds from a number or a timedelta.

    Raises:
        TypeError: it is neither
        ValueError: it is not a number (NaN), or less than `at_least`

    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(seconds, int | float):
        raise TypeError(f"{what}={value!r} is not allowed: give seconds as a number or a timedelta")
    if not seconds >= at_least:
        least = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise ValueError(f"{what}={value!r} is not allowed: give seconds{least}")
    return float(seconds)
