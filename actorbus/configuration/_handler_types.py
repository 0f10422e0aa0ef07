"""Start-up checks of what handlers take: their parameters, and the type of their message."""

from collections.abc import Iterable, Sequence
from inspect import Parameter
from types import UnionType
from typing import Any

from actorbus.codecs import is_plain, unsupported_parts
from actorbus.codecs._hooks import Hooks
from actorbus.configuration._flow_checks import batch_faults, of_one
from actorbus.configuration._message_checks import Parents, key_faults
from actorbus.configuration._problems import Problems
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import Declaration, RouteBy
from actorbus.declaring._services import name_of
from actorbus.handling import _inject
from actorbus.interceptors._markers import Marker, markers_of, without_markers
from actorbus.messages._topic import is_pattern
from actorbus.messages._types import TypeRegistry, stable_name

_MESSAGE_KINDS = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}


class HandlerTypes:
    """Finds the message types of handlers and registers them."""

    def __init__(
        self, declared: Declared, types: TypeRegistry, hooks: Hooks, problems: Problems
    ) -> None:
        self._declared = declared
        self._types = types
        self.hooks = hooks
        self._problems = problems
        self._parents = Parents(declared.types, declared.handlers, parameters_or_none, hooks)

    def parameters_of(
        self, declaration: Declaration
    ) -> tuple[Sequence[Parameter], tuple[Marker, ...]] | None:
        """Return the parameters, the message's first, and the markers in its annotation.

        None (with a problem) if not even these can be told.
        """
        try:
            parameters = list(declaration.parameters().values())
        except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
            self._problems.add(declaration.where, f"an annotation cannot be resolved: {error}")
            return None
        if not parameters or parameters[0].kind not in _MESSAGE_KINDS:
            self._problems.add(
                declaration.where, "takes no message: its first parameter is to be the message"
            )
            return None
        message = parameters[0]
        parameters[0] = message.replace(annotation=without_markers(message.annotation))
        self._problems.add_all(declaration.where, batch_faults(declaration, parameters))
        parameters[0] = of_one(declaration, parameters[0])
        return parameters, markers_of(declaration.function, message.annotation)

    def message_type(self, declaration: Declaration, parameter: Parameter) -> str:
        """Register the message's type and return its name, "" if it cannot have one."""
        where, kind = declaration.where, parameter.annotation
        if kind is Parameter.empty:
            self._problems.add(
                where, f"parameter {parameter.name!r}, the message, has no annotation"
            )
            return ""
        if _inject.known(kind) or kind in self._declared.services:
            self._problems.add(
                where, f"the first parameter is to be the message, not {name_of(kind)}"
            )
            return ""
        faults = unsupported_parts(kind, self.hooks)
        if faults and self._parents.is_one(declaration, kind):
            return self._parent_name(where, kind)
        if faults and isinstance(kind, UnionType):
            self._problems.add(where, f"{kind} is several message types: write a handler for each")
            return ""
        for fault in faults:
            self._problems.add(where, f"message type {name_of(kind)} cannot be decoded: {fault}")
        if faults:
            return ""
        if declaration.routing_key is not None:
            return self._keyed_name(declaration, declaration.routing_key, kind)
        return self._class_name(declaration, kind)

    def _keyed_name(self, declaration: Declaration, routing_key: str, kind: Any) -> str:
        """Register what a handler makes of a key's data; patterns are keys of others."""
        faults = list(key_faults(declaration))
        for fault in faults:
            self._problems.add(declaration.where, fault)
        if faults or route_by(declaration) == "pattern":
            return routing_key
        with self._problems.collecting(declaration.where):
            return self._types.register_view(kind, routing_key)
        return ""

    def _class_name(self, declaration: Declaration, kind: Any) -> str:
        """Register a message type that a handler takes."""
        if is_plain(kind):
            example = f'@bus.{declaration.kind}_handler("orders.placed")'
            text = f"{name_of(kind)} is plain data, it needs a routing key: {example}"
            self._problems.add(declaration.where, text)
            return ""
        with self._problems.collecting(declaration.where):
            return self._types.register(kind)
        return ""

    def _parent_name(self, where: str, kind: Any) -> str:
        """Return the name of a class that only its subclasses are messages of."""
        with self._problems.collecting(where):
            return stable_name(kind)
        return ""


def route_by(declaration: Declaration) -> RouteBy:
    """Return what a handler's messages are found by."""
    if declaration.routing_key is None:
        return "type"
    return "pattern" if is_pattern(declaration.routing_key) else "key"


def parameters_or_none(declaration: Declaration) -> Iterable[Parameter]:
    """Return a handler's parameters, none if they cannot be told."""
    try:
        return declaration.parameters().values()
    except Exception:  # noqa: BLE001  reported when the handler itself is checked
        return ()
