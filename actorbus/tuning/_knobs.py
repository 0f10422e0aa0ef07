"""What tuning may change of an endpoint's supervision: the knobs, and what each of them does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actorbus.options._supervision import Supervision

Value = float | int | bool | None
"""What a knob is set to. None: never gives up (`max_restarts`), or no breaker."""

Kind = Literal["seconds", "share", "factor", "count", "switch"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One number of a strategy: its name (`backoff_initial`), kind, and what it does, in words."""

    name: str
    kind: Kind
    does: str

    @property
    def option(self) -> str:
        """Its name at the command line, without dashes in front: `backoff-initial`."""
        return self.name.replace("_", "-")

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
        Knob("backoff_initial", "seconds", "the first wait while the dependency is away"),
        Knob("backoff_factor", "factor", "how much longer each wait is than the one before"),
        Knob("backoff_maximum", "seconds", "the longest wait between two probes"),
        Knob("backoff_jitter", "share", "by how much chance lengthens a wait"),
        Knob("backoff_reset_after", "seconds", "the quiet time after which waits are short again"),
        Knob("backoff_first_immediate", "switch", "whether the first restart comes without a wait"),
        Knob("retry_attempts", "count", "how often a message is tried before it is a dead letter"),
        Knob("retry_initial", "seconds", "how long a failed message waits for its second try"),
        Knob("retry_factor", "factor", "how much longer a message waits after each further try"),
        Knob("retry_maximum", "seconds", "the longest wait of a message between two tries"),
        Knob("retry_jitter", "share", "by how much chance lengthens a message's wait"),
        Knob("max_restarts", "count", "how many restarts are allowed before the endpoint is ended"),
        Knob("within", "seconds", "the time in which those restarts are counted"),
        Knob("breaker", "count", "how many failures in a row count as an outage"),
    )
}
"""All that can be tuned, by name, in the order in which it is shown."""


def differences(one: Supervision, other: Supervision) -> list[str]:
    """Return the names of the knobs that the two have set otherwise."""
    return [knob for knob in KNOBS if one.value(knob) != other.value(knob)]
