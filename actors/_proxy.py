"""ActorProxy: Pykka's, but following the actor over its restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import pykka

if TYPE_CHECKING:
    from actors._actor import Actor
    from actors._ref import ActorRef

A = TypeVar("A", bound="Actor")


class ActorProxy(pykka.ActorProxy[Any], Generic[A]):
    """Calls methods and gets attributes of whatever instance the actor has at the time.

    Each call returns a Reply. Setting an attribute blocks, so it is for plain threads.
    """

    @property
    def _actor(self) -> A:
        """The instance whose attributes are looked at; without one, an empty one of its class."""
        ref = cast("ActorRef[Any]", self.actor_ref)
        actor = ref._cell.actor
        return cast("A", object.__new__(ref.actor_class) if actor is None else actor)

    @_actor.setter
    def _actor(self, _actor: A) -> None:
        """Pykka keeps the first instance; this looks at the one of the moment."""
