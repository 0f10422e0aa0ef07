"""Where the messages that gateways send pass their interceptors."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from actorbus.declaring._handlers import Kind
from actorbus.gateways._way import Way
from actorbus.interceptors._chain import Chains, Route
from actorbus.interceptors._passage import Sending
from actorbus.options._options import SendOptions
from actorbus.transactions._unit_of_work import UnitOfWork

Deliver = Callable[[UnitOfWork | None, Way, Any, SendOptions], Awaitable[Any]]


class Routes(Protocol):
    """Where the names of messages are found."""

    def find(self, kind: Kind, message: Any, routing_key: str | None) -> Route:
        """Return what is known of a message. Raises MessageRefused."""
        ...


class Gates:
    """Finds the interceptors of what is sent."""

    __slots__ = ("_chains", "_routes")

    def __init__(self, chains: Chains, routes: Routes) -> None:
        self._chains = chains
        self._routes = routes

    def sending(
        self,
        unit: UnitOfWork | None,
        way: Way,
        message: Any,
        options: SendOptions,
        deliver: Deliver,
    ) -> Sending | None:
        """Return the message at its gateway, None if nothing intercepts it there.

        `deliver` sends it once it has passed. Raises MessageRefused for what cannot be sent.
        """
        route = self._routes.find(way.kind, message, options.get("routing_key"))
        chain = self._chains.of_sending(way, route, message)
        if chain is None:
            return None
        return Sending(chain, message, options, partial(deliver, unit, way))
