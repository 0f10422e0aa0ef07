"""What may be done about a failure, and how the kind of the child bends it.

Rules: (1) the decider's directive comes first, the child's restart kind second;
       (2) a temporary child is never restarted: Restart is Stop;
       (3) what never ran cannot go on: Resume on a failed start is Restart;
       (4) a child that stops itself is restarted only if it is permanent.
"""

from collections.abc import Mapping
from enum import Enum
from itertools import product
from types import MappingProxyType
from typing import Final, Literal

RestartKind = Literal["permanent", "transient", "temporary"]
"""When a child comes back: always, after a failure only, or never."""

RESTART_KINDS: Final[tuple[RestartKind, ...]] = ("permanent", "transient", "temporary")


class Directive(Enum):
    """What a decider orders after a failure, from the mildest to the severest."""

    Resume = "resume"
    """Go on with the same instance and its next message."""
    Restart = "restart"
    """Make a new instance; mailbox, ref, name and watchers stay."""
    Stop = "stop"
    """End this child for good."""
    Escalate = "escalate"
    """End all the children and fail their supervisor."""

    @property
    def severity(self) -> int:
        """0 for Resume to 3 for Escalate; of several directives the severest wins."""
        return _SEVERITY[self]


_SEVERITY: Final = {directive: rank for rank, directive in enumerate(Directive)}

Ending = Directive | Literal["failed start: resume", "stopped itself"]
"""The row of the decision table: the decider's word, or one of the two special endings."""


def _effective(ending: Ending, kind: RestartKind) -> Directive:
    if ending == "stopped itself":
        return Directive.Restart if kind == "permanent" else Directive.Stop
    wanted = Directive.Restart if ending == "failed start: resume" else Directive(ending)
    if wanted is Directive.Restart and kind == "temporary":
        return Directive.Stop
    return wanted


ENDINGS: Final[tuple[Ending, ...]] = (*Directive, "failed start: resume", "stopped itself")

EFFECTIVE: Final[Mapping[tuple[Ending, RestartKind], Directive]] = MappingProxyType(
    {(ending, kind): _effective(ending, kind) for ending, kind in product(ENDINGS, RESTART_KINDS)}
)
"""The decision table: (how it ended, restart kind) -> what is done."""
