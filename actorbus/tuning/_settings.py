"""What tuning may change of an endpoint: the knobs, and one setting of all of them, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from supervisors import Backoff, Retry

Value = float | int | bool | None
"""What a knob is set to. None: never gives up (`max_restarts`), or no breaker."""

Kind = Literal["seconds", "share", "factor", "count", "switch"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One number of a strategy: its name (`backoff.initial`), kind, and what it does, in words."""

    name: str
    kind: Kind
    does: str

    @property
    def option(self) -> str:
        """Its name at the command line, without dashes in front: `backoff-initial`."""
        return self.name.replace(".", "-").replace("_", "-")

    def written(self, value: Value) -> str:
        """Return a value as people read it: `0.5 s`, `20 %`, `none`."""
        match self.kind, value:
            case _, None:
                return "none"
            case "switch", _:
                return "yes" if value else "no"
            case "seconds", _:
                return f"{value:g} s"
            case "share", _:
                return f"{value * 100:g} %"
            case _:
                return f"{value:g}"


KNOBS: Mapping[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob("backoff.initial", "seconds", "the first wait while the dependency is away"),
        Knob("backoff.factor", "factor", "how much longer each wait is than the one before"),
        Knob("backoff.maximum", "seconds", "the longest wait between two probes"),
        Knob("backoff.jitter", "share", "by how much chance lengthens a wait"),
        Knob("backoff.reset_after", "seconds", "the quiet time after which waits are short again"),
        Knob("backoff.first_immediate", "switch", "whether the first restart comes without a wait"),
        Knob("retry.attempts", "count", "how often a message is tried before it is a dead letter"),
        Knob("retry.initial", "seconds", "how long a failed message waits for its second try"),
        Knob("retry.factor", "factor", "how much longer a message waits after each further try"),
        Knob("retry.maximum", "seconds", "the longest wait of a message between two tries"),
        Knob("retry.jitter", "share", "by how much chance lengthens a message's wait"),
        Knob("max_restarts", "count", "how many restarts are allowed before the endpoint is ended"),
        Knob("within", "seconds", "the time in which those restarts are counted"),
        Knob("breaker", "count", "how many failures in a row count as an outage"),
    )
}
"""All that can be tuned, by name, in the order in which it is shown."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One endpoint's strategy. The defaults are those of a bus.

    `backoff` is how long the endpoint rests while its dependency is down, `retry` how often and
    when a failed message is tried again. More than `max_restarts` restarts `within` seconds end
    the endpoint; None never does. `breaker` failures in a row count as an outage; None: never.
    """

    backoff: Backoff = field(default_factory=Backoff)
    retry: Retry = field(default_factory=Retry)
    max_restarts: int | None = None
    within: float = 5.0
    breaker: int | None = None

    def value(self, knob: str) -> Value:
        """Return what a knob is set to. KeyError: no such knob."""
        part, _, name = KNOBS[knob].name.rpartition(".")
        found: Value = getattr(getattr(self, part) if part else self, name)
        return found

    def changed(self, values: Mapping[str, Value]) -> "Settings":
        """Return these settings with knobs set otherwise; ConfigurationError if they contradict."""
        changes: dict[str, Any] = {
            part: _rebuilt(getattr(self, part), named)
            for part in ("backoff", "retry")
            if (named := _of_part(part, values))
        }
        changes.update((knob, value) for knob, value in values.items() if "." not in knob)
        return replace(self, **changes)

    def values(self) -> dict[str, Value]:
        """Return what every knob is set to, by name."""
        return {knob: self.value(knob) for knob in KNOBS}

    def differences(self, other: "Settings") -> list[str]:
        """Return the names of the knobs that the two have set otherwise."""
        return [knob for knob in KNOBS if self.value(knob) != other.value(knob)]


def _of_part(part: str, values: Mapping[str, Value]) -> dict[str, Value]:
    begins = f"{part}."
    return {
        knob.removeprefix(begins): value
        for knob, value in values.items()
        if knob.startswith(begins)
    }


def _rebuilt(part: Any, changes: Mapping[str, Value]) -> Any:
    """Return the backoff or retry with some of its options otherwise, checked as always."""
    options = {name: getattr(part, name) for name in part.__dataclass_fields__}
    return type(part)(**{**options, **changes})
