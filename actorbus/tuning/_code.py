"""Supervision as Python code to paste, and as the command that sets it in a running system."""

import shlex
from collections.abc import Iterator
from decimal import Decimal

from actorbus.options._supervision import Supervision
from actorbus.tuning._knobs import KNOBS, Value, differences
from supervisors import Backoff, Retry


def code(settings: Supervision) -> str:
    """Return Python code that makes these settings; only what differs from the defaults is said."""
    strategy = f"OneForOne({settings.max_restarts}, {settings.within:g}, backoff=backoff)"
    lines = [
        "from supervisors import Backoff, OneForOne, Retry",
        "",
        f"backoff = {_call(settings.backoff, Backoff())}  # backoff= of the channel",
        f"retry = {_call(settings.retry, Retry())}  # retry= of the channel, or of the handler",
        f"breaker = {settings.breaker}  # breaker= of the handler",
        f"strategy = {strategy}  # of an actor's parent",
    ]
    return "\n".join(lines) + "\n"


def _call(made: Backoff | Retry, default: Backoff | Retry) -> str:
    names = made.__dataclass_fields__
    given = {name: getattr(made, name) for name in names}
    said = [f"{name}={value!r}" for name, value in given.items() if value != getattr(default, name)]
    return f"{type(made).__name__}({', '.join(said)})"


def command(settings: Supervision, baseline: Supervision, app: str, endpoint: str) -> str:
    """Return the command line that gives an endpoint these settings while it runs.

    Only what differs from `baseline` is said; "" if nothing does.
    """
    changed = differences(settings, baseline)
    if not changed:
        return ""
    words = ["actorbus", "supervision", "set", app, endpoint]
    for knob in changed:
        words += _option(knob, settings.value(knob))
    return shlex.join(words)


def _option(knob: str, value: Value) -> Iterator[str]:
    option = f"--{KNOBS[knob].option}"
    match value:
        case None:
            yield from (option, "none")
        case True:
            yield option
        case False:
            yield f"--no-{KNOBS[knob].option}"
        case _:
            yield from (option, f"{Decimal(repr(value)):f}".removesuffix(".0"))
