"""ChildSpec: everything a parent must know to run a child, as plain data."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ._backoff import Backoff
from ._checks import Checks, Seconds
from ._decider import DecideFunction, Decider, ExceptionTypes
from ._directive import RESTART_KINDS, RestartKind
from ._disposition import Disposition, check_disposition
from ._errors import ConfigurationError
from ._intensity import Intensity


@dataclass(frozen=True, slots=True, init=False)
class ChildSpec:
    """How one child is made, restarted and stopped. Times are seconds or timedeltas.

    ``factory(*args, **kwargs)`` makes each instance. ``restart`` says when it comes back:
    ``permanent`` always, ``transient`` after a failure, ``temporary`` never.
    ``shutdown_timeout`` is how long it may take to stop before it is cancelled,
    ``handler_timeout`` how long one message may take (None: as long as it likes).
    ``mailbox`` is for the runtime alone. ``disposition`` says what becomes of the message in hand
    when the child fails. ``intensity``, ``backoff`` and ``decider`` replace the strategy's for
    this child; what its decider leaves open goes to the strategy's.
    Raises ConfigurationError, also for options that contradict each other.
    """

    factory: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(hash=False)
    name: str | None
    restart: RestartKind
    shutdown_timeout: float
    handler_timeout: float | None
    mailbox: Any
    disposition: Disposition
    intensity: Intensity | None
    backoff: Backoff | None
    decider: Decider | None

    def __init__(
        self,
        factory: Callable[..., Any],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        *,
        restart: RestartKind = "transient",
        shutdown_timeout: Seconds = 5.0,
        handler_timeout: Seconds | None = None,
        mailbox: Any = None,
        disposition: Disposition = "dead_letter",
        intensity: Intensity | None = None,
        backoff: Backoff | None = None,
        decider: Decider | ExceptionTypes | DecideFunction | None = None,
    ) -> None:
        checks = Checks(f"ChildSpec {name or _name_of(factory)!r}")
        _check_factory(checks, factory, args, kwargs)
        _check_name(checks, name)
        checks.choice("restart", restart, RESTART_KINDS)
        stop_time = checks.seconds("shutdown_timeout", shutdown_timeout)
        handler_time = (
            None
            if handler_timeout is None
            else checks.seconds("handler_timeout", handler_timeout, above=0.0)
        )
        check_disposition(checks, disposition)
        checks.instance("intensity", intensity, Intensity, allowed="an Intensity(max_restarts=3)")
        checks.instance("backoff", backoff, Backoff, allowed="a Backoff(initial=0.1)")
        made_decider = checked_decider(checks, decider)
        if checks.clean:
            _check_pairs(checks, restart, intensity, backoff)
        checks.finish()
        values: dict[str, object] = {
            "factory": factory,
            "args": tuple(args),
            "kwargs": MappingProxyType(dict(kwargs or {})),
            "name": name,
            "restart": restart,
            "shutdown_timeout": stop_time,
            "handler_timeout": handler_time,
            "mailbox": mailbox,
            "disposition": disposition,
            "intensity": intensity,
            "backoff": backoff,
            "decider": made_decider,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def label(self) -> str:
        """The name, or that of the factory: for messages to people."""
        return self.name or _name_of(self.factory)


def checked_decider(
    checks: Checks, rules: Decider | ExceptionTypes | DecideFunction | None
) -> Decider | None:
    """Return ``rules`` as a Decider, its problems being added to those of its owner."""
    try:
        return Decider.of(rules)
    except ConfigurationError as error:
        for problem in error.problems:
            checks.refuse(f"decider: {problem}")
        return None


def _check_factory(checks: Checks, factory: object, args: object, kwargs: object) -> None:
    if not callable(factory):
        checks.refuse(f"factory={factory!r} is not allowed: give a class or a function")
    if isinstance(args, str | bytes) or not isinstance(args, Iterable):
        checks.refuse(f"args={args!r} is not allowed: give a tuple, such as ({args!r},)")
    checks.instance("kwargs", kwargs, Mapping, allowed="a mapping of argument names")
    if isinstance(kwargs, Mapping) and not all(isinstance(key, str) for key in kwargs):
        checks.refuse(f"kwargs={kwargs!r} is not allowed: give names, as text, to its values")


def _check_name(checks: Checks, name: object) -> None:
    if name is None or (isinstance(name, str) and name and "/" not in name):
        return
    checks.refuse(
        f"name={name!r} is not allowed: give text without '/', which separates the names in a"
        " path, or None for a name that is made up"
    )


def _check_pairs(
    checks: Checks, restart: str, intensity: Intensity | None, backoff: Backoff | None
) -> None:
    never = "restart='temporary'" if restart == "temporary" else ""
    if not never and intensity is not None and intensity.max_restarts == 0:
        never, intensity = repr(intensity), None
    if never:
        for option in (intensity, backoff):
            if option is not None:
                checks.refuse(
                    f"{never} never restarts, so its {option!r} would never act; drop one of them"
                )


def _name_of(factory: object) -> str:
    return getattr(factory, "__name__", None) or repr(factory)
