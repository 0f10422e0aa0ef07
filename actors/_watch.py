"""Death watch: one notice when an actor ends for good, never on a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pykka

from actors._lanes import Envelope

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._ref import ActorRef


@dataclass(frozen=True, slots=True)
class Terminated:
    """The notice that a watcher gets in `on_receive`, ahead of the messages that wait."""

    ref: ActorRef[Any]


def cell_of(ref: object) -> Cell:
    """Return the cell of what is to be watched.

    Raises:
        TypeError: it has none

    """
    cell: Cell | None = getattr(ref, "_cell", None) if isinstance(ref, pykka.ActorRef) else None
    if cell is None:
        raise TypeError(
            f"{ref!r} cannot be watched: give an actors.ActorRef. Pykka's own actors have no death "
            "watch; a supervised actor that wraps one can tell of its end"
        )
    return cell


def watch(watcher: Cell, target: Cell) -> None:
    """Let `watcher` get the notice about `target`, now if it has ended. From any thread."""
    with watcher.system.lock:
        if watcher.watching is None:
            watcher.watching = {}
        if target in watcher.watching:
            return
        watcher.watching[target] = None
    with target.system.lock:
        alive = not target.ended
        if alive:
            if target.watchers is None:
                target.watchers = {}
            target.watchers[watcher] = None
    if not alive:
        notify(watcher, target)


def unwatch(watcher: Cell, target: Cell) -> None:
    """Let `watcher` get no notice about `target`. From any thread."""
    with watcher.system.lock:
        if watcher.watching is not None:
            watcher.watching.pop(target, None)
    with target.system.lock:
        if target.watchers is not None:
            target.watchers.pop(watcher, None)


def end_watches(watcher: Cell) -> None:
    """Let an instance that is taken down watch nothing any more."""
    for target in list(watcher.watching or ()):
        unwatch(watcher, target)


def notify(watcher: Cell, target: Cell) -> None:
    """Put the notice into the watcher's system lane, and let it watch no more."""
    with watcher.system.lock:
        if watcher.watching is not None:
            watcher.watching.pop(target, None)
    watcher.mailbox.put_system(Envelope(Terminated(target.ref)))
