"""The life of a child as a table: (status, event) -> status.

Rules: (1) what is not in the table cannot happen, and raises LifecycleError;
       (2) a final stop wins over everything: nothing leads from stopping or stopped elsewhere;
       (3) a child that is backing off has no instance, so a stop ends it at once;
       (4) a child keeps its mailbox, ref, name and watchers from starting to stopped.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ._errors import LifecycleError


class Status(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    """Its instance is being made: ``__init__``, then ``on_start``."""
    RUNNING = "running"
    """It takes messages from its mailbox."""
    SUSPENDED = "suspended"
    """It failed or stopped itself; its parent has yet to decide. Messages wait."""
    RESTARTING = "restarting"
    """Its instance is being taken down, to be replaced. Messages wait."""
    BACKING_OFF = "backing off"
    """It has no instance and waits for its time to start. Messages wait."""
    STOPPING = "stopping"
    """Its instance is being taken down for good."""
    STOPPED = "stopped"
    """It has ended; its watchers are told."""

    @property
    def has_instance(self) -> bool:
        """Whether there is an instance to take down."""
        return self not in (Status.BACKING_OFF, Status.STOPPED)

    @property
    def is_ending(self) -> bool:
        """Whether it stops for good, or has; no event brings it back."""
        return self in (Status.STOPPING, Status.STOPPED)

    @property
    def awaits_start(self) -> bool:
        """Whether it is down only until a new instance is made."""
        return self in (Status.RESTARTING, Status.BACKING_OFF)


class LifecycleEvent(StrEnum):
    """What may happen to a child."""

    STARTED = "started"
    """``on_start`` has returned."""
    FAILED = "failed"
    """An exception left a hook or a handler."""
    STOPPED_ITSELF = "stopped itself"
    """It called ``self.stop()``."""
    RESUME = "resume"
    """Decided: go on."""
    RESTART = "restart"
    """Decided, for it alone or for its group: make a new instance."""
    STOP = "stop"
    """Decided, ``ref.stop()`` or shutdown: end for good."""
    GONE = "gone"
    """The instance has been taken down."""
    DUE = "due"
    """The delay is over, and it is its turn in the start order."""


_S, _E = Status, LifecycleEvent

TRANSITIONS: Final[Mapping[tuple[Status, LifecycleEvent], Status]] = MappingProxyType(
    {
        (_S.STARTING, _E.STARTED): _S.RUNNING,
        (_S.STARTING, _E.FAILED): _S.SUSPENDED,
        (_S.STARTING, _E.STOPPED_ITSELF): _S.SUSPENDED,
        (_S.STARTING, _E.RESTART): _S.RESTARTING,
        (_S.STARTING, _E.STOP): _S.STOPPING,
        (_S.RUNNING, _E.FAILED): _S.SUSPENDED,
        (_S.RUNNING, _E.STOPPED_ITSELF): _S.SUSPENDED,
        (_S.RUNNING, _E.RESUME): _S.RUNNING,
        (_S.RUNNING, _E.RESTART): _S.RESTARTING,
        (_S.RUNNING, _E.STOP): _S.STOPPING,
        # `on_failure` may fail as well.
        (_S.SUSPENDED, _E.FAILED): _S.SUSPENDED,
        (_S.SUSPENDED, _E.STOPPED_ITSELF): _S.SUSPENDED,
        (_S.SUSPENDED, _E.RESUME): _S.RUNNING,
        (_S.SUSPENDED, _E.RESTART): _S.RESTARTING,
        (_S.SUSPENDED, _E.STOP): _S.STOPPING,
        # Its start may end, well or badly, while it is taken down; its group may restart again.
        (_S.RESTARTING, _E.STARTED): _S.RESTARTING,
        (_S.RESTARTING, _E.FAILED): _S.RESTARTING,
        (_S.RESTARTING, _E.STOPPED_ITSELF): _S.RESTARTING,
        (_S.RESTARTING, _E.RESTART): _S.RESTARTING,
        (_S.RESTARTING, _E.GONE): _S.BACKING_OFF,
        (_S.RESTARTING, _E.STOP): _S.STOPPING,
        (_S.BACKING_OFF, _E.DUE): _S.STARTING,
        (_S.BACKING_OFF, _E.RESTART): _S.BACKING_OFF,
        (_S.BACKING_OFF, _E.STOP): _S.STOPPED,
        (_S.STOPPING, _E.STARTED): _S.STOPPING,
        (_S.STOPPING, _E.FAILED): _S.STOPPING,
        (_S.STOPPING, _E.STOPPED_ITSELF): _S.STOPPING,
        (_S.STOPPING, _E.RESTART): _S.STOPPING,
        (_S.STOPPING, _E.STOP): _S.STOPPING,
        (_S.STOPPING, _E.GONE): _S.STOPPED,
        (_S.STOPPED, _E.STOP): _S.STOPPED,
    }
)


def transition(status: Status, event: LifecycleEvent) -> Status:
    """Return the status after ``event``; raise LifecycleError if it cannot happen now."""
    after = TRANSITIONS.get((status, event))
    if after is None:
        allowed = ", ".join(event for (at, event) in TRANSITIONS if at is status)
        raise LifecycleError(f"{event!s} cannot happen to a child that is {status!s} ({allowed})")
    return after
