"""Forked children: the threads of an inherited system are gone there, so its refs raise at once."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors._system import ActorSystem

_running: weakref.WeakSet[ActorSystem] = weakref.WeakSet()


def add(system: ActorSystem) -> None:
    """Remember a system that runs, for the hook below."""
    _running.add(system)


def _after_in_child() -> None:
    for system in list(_running):
        system.forget_after_fork()
    _running.clear()
    from actors import _default  # noqa: PLC0415  # the default system is made of all the rest

    _default.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_in_child)
