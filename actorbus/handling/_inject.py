"""What a handler is called with beside its message, found by annotation once, at start-up.

Headers, Transaction               of the message being handled
list[Headers]                      of a batch's messages
CommandBus, EventBus, QueryBus     and subclasses of them
DistributedBus                     and subclasses of it
a business interface               implemented by the bus
ActorSystem                        the one that the bus runs in
anything given to `bus.provide`    made per run, or per message
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from actorbus._calls import Worlds
from actorbus.declaring._services import Entrance, Services, name_of
from actorbus.distributed._gateway import is_distributed
from actorbus.gateways._gateway import Gateway
from actorbus.gateways._interface import is_interface
from actorbus.handling._batch_types import asks_for_all_headers
from actorbus.messages._message import Headers
from actorbus.options._options import RunsOn
from actorbus.transactions._transaction import Transaction
from actorbus.transactions._unit_of_work import UnitOfWork
from actors import ActorSystem

_VARIADIC = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def is_gateway(kind: object) -> bool:
    """Return whether this annotation asks for a gateway."""
    return isinstance(kind, type) and issubclass(kind, Gateway)


def of_a_message(kind: object) -> bool:
    """Return whether this is one of the bus's own things that belong to a message."""
    return kind is Headers or kind is Transaction


def known(kind: object) -> bool:
    """Return whether the bus itself has a value for this annotation."""
    return (
        of_a_message(kind)
        or is_gateway(kind)
        or is_distributed(kind)
        or is_interface(kind)
        or kind is ActorSystem
    )


def faults(parameters: Iterable[Parameter], services: Services) -> Iterator[str]:
    """Say which of a handler's parameters, the message left out, cannot be filled in."""
    for parameter in parameters:
        if parameter.kind in _VARIADIC or _left_to_default(parameter, services):
            continue
        name, kind = parameter.name, parameter.annotation
        if parameter.kind is Parameter.POSITIONAL_ONLY:
            yield f"parameter {name!r} is positional only; services are passed by name"
        elif kind is Parameter.empty:
            yield f"parameter {name!r} has no annotation to say what to inject"
        elif not (known(kind) or kind in services):
            yield f"parameter {name!r}: nothing provides {name_of(kind)}; use bus.provide(...)"


def process_faults(parameters: Iterable[Parameter], services: Services) -> Iterator[str]:
    """Say which parameters of a handler in another process, the message left out, stay here."""
    for parameter in parameters:
        if parameter.kind in _VARIADIC or _left_to_default(parameter, services):
            continue
        name, kind = parameter.name, parameter.annotation
        if kind is not Headers and kind is not Parameter.empty:  # the latter: see `faults`
            yield f"parameter {name!r}: {name_of(kind)} stays here; only Headers can go there"


def _left_to_default(parameter: Parameter, services: Services) -> bool:
    kind = parameter.annotation
    return parameter.default is not Parameter.empty and not (known(kind) or kind in services)


@dataclass(frozen=True, slots=True)
class Injection:
    """How one handler's keyword arguments are made. `constants` are the same for all messages."""

    constants: Mapping[str, Any]
    headers: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    services: tuple[tuple[str, Any], ...] = ()
    all_headers: tuple[str, ...] = ()
    """Of those that take a batch: the headers of its messages."""

    def arguments(
        self, headers: Headers, unit_of_work: UnitOfWork, worlds: Worlds
    ) -> dict[str, Any]:
        """Return the arguments that need no service of the message's."""
        arguments = dict(self.constants)
        for name in self.headers:
            arguments[name] = headers
        for name in self.transactions:
            arguments[name] = Transaction(worlds, unit_of_work)
        for name in self.all_headers:
            arguments[name] = list(getattr(headers, "each", (headers,)))
        return arguments


class Injector:
    """Makes the plans, and the services that live for one message."""

    __slots__ = ("_app", "_constant", "_services", "_world", "_worlds")

    def __init__(
        self,
        services: Services,
        app: Mapping[Any, Any],
        constant: Callable[[Any], Any],
        worlds: Worlds,
        world: RunsOn,
    ) -> None:
        """Take the services, those made for the run, and what returns gateways and the system."""
        self._services = services
        self._app = app
        self._constant = constant
        self._worlds = worlds
        self._world = world

    def plan(self, parameters: Iterable[Parameter]) -> Injection:
        """Work out how the arguments are made. They are without `faults`."""
        constants: dict[str, Any] = {}
        headers: list[str] = []
        transactions: list[str] = []
        services: list[tuple[str, Any]] = []
        all_headers: list[str] = []
        for parameter in parameters:
            name, kind = parameter.name, parameter.annotation
            if parameter.kind in _VARIADIC or _left_to_default(parameter, self._services):
                continue
            if kind in self._services:
                self._plan_service(name, kind, constants, services)
            elif kind is Headers:
                headers.append(name)
            elif kind is Transaction:
                transactions.append(name)
            elif asks_for_all_headers(kind):
                all_headers.append(name)
            else:
                constants[name] = self._constant(kind)
        return Injection(
            constants,
            tuple(headers),
            tuple(transactions),
            tuple(services),
            tuple(all_headers),
        )

    def _plan_service(
        self,
        name: str,
        kind: Any,
        constants: dict[str, Any],
        services: list[tuple[str, Any]],
    ) -> None:
        if self._services[kind].scope == "app":
            constants[name] = self._app[kind]
        else:
            services.append((name, kind))

    async def message_services(
        self, plan: Injection, headers: Headers, unit: UnitOfWork, stack: AsyncExitStack
    ) -> dict[str, Any]:
        """Make the services of one message; the stack leaves them when its handler is done."""

        def other(kind: Any) -> Any:
            if kind is Headers:
                return headers
            if kind is Transaction:
                return Transaction(self._worlds, unit)
            return self._constant(kind)

        made = dict(self._app)
        entrance = Entrance(self._worlds.system, self._world, stack)
        return {
            name: await self._services.make(kind, made, other, entrance)
            for name, kind in plan.services
        }
