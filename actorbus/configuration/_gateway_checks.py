"""Start-up checks of gateways and business interfaces, those that handlers ask for included."""

from collections.abc import Iterator, Mapping, Sequence

from actorbus.configuration._channel_checks import (
    channel_names,
    check_capabilities,
    check_channel_name,
)
from actorbus.configuration._error_channel_checks import ErrorChannelChecks
from actorbus.configuration._handler_types import parameters_or_none
from actorbus.configuration._interface_checks import interface_faults
from actorbus.configuration._problems import Problems
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.gateways._gateway import Gateway
from actorbus.gateways._interface import is_interface, methods_of
from actorbus.gateways._listing import GatewayListing, listed
from actorbus.gateways._options import way_faults
from actorbus.gateways._way import Way
from actorbus.handling import _inject
from actorbus.messages._types import TypeRegistry


class GatewayChecks:
    """The gateways and interfaces of one bus, and what is wrong with them."""

    def __init__(self, declared: Declared, problems: Problems) -> None:
        self._declared = declared
        self._problems = problems
        self._channels = channel_names(declared)
        self._gateways = dict(declared.gateways)
        self._interfaces = dict(declared.interfaces)

    def collect(self) -> None:
        """Find the gateways that handlers ask for, beside those that the program asked for."""
        for declaration in (*self._declared.handlers, *self._declared.error_handlers):
            for parameter in parameters_or_none(declaration):
                if _inject.is_gateway(parameter.annotation):
                    self._gateways.setdefault(parameter.annotation, declaration.where)
                elif is_interface(parameter.annotation):
                    self._interfaces.setdefault(parameter.annotation, declaration.where)

    def check_gateways(self) -> None:
        """Note what is wrong with the gateways' keywords."""
        for gateway, where in self._gateways.items():
            prefix = f"{gateway.__qualname__}: "
            if gateway.channel is not None:
                check_channel_name(self._problems, self._channels, where, gateway.channel, prefix)
            check_capabilities(
                self._declared,
                self._problems,
                where,
                gateway.way.options,
                gateway.channel,
                prefix=prefix,
            )
            asynchronous = gateway.channel is not None or self._has_channels(gateway.kind)
            faults = way_faults(gateway.way, asynchronous=asynchronous)
            self._problems.add_all(where, faults, prefix)

    def check_interfaces(self, handlers: Sequence[HandlerSpec], types: TypeRegistry) -> None:
        """Note what is wrong with the interfaces' methods; all handlers and types are known."""
        for interface, where in self._interfaces.items():
            faults = interface_faults(interface, handlers, types, self._channels)
            self._problems.add_all(where, faults, f"{interface.__qualname__}: ")
            for method in methods_of(interface)[0]:
                way, prefix = method.way, f"{interface.__qualname__}: {method.name}: "
                check_capabilities(
                    self._declared, self._problems, where, way.options, way.channel, prefix=prefix
                )

    def check_error_channels(self, checks: ErrorChannelChecks) -> None:
        """Note what is wrong with the error channels of gateways and methods."""
        for gateway, where in self._gateways.items():
            faults = checks.faults(gateway.way.error_channel, gateway.channel)
            self._problems.add_all(where, faults, f"{gateway.__qualname__}: ")
        for interface, where in self._interfaces.items():
            for method in methods_of(interface)[0]:
                faults = checks.faults(method.way.error_channel, method.way.channel)
                prefix = f"{interface.__qualname__}: {method.name}: "
                self._problems.add_all(where, faults, prefix)

    def channels_of_kinds(self) -> Mapping[Kind, frozenset[str]]:
        """Return the channels through which gateways send each kind of message."""
        kinds: dict[Kind, set[str | None]] = {"command": set(), "event": set(), "query": set()}
        for gateway in {*self._gateways, *_subclasses(Gateway)}:
            if gateway.channel in self._channels:
                kinds[gateway.kind].add(gateway.channel)
        for method in (one for each in self._interfaces for one in methods_of(each)[0]):
            if method.way.channel in self._channels:
                kinds[method.way.kind].add(method.way.channel)
        return {kind: frozenset(filter(None, names)) for kind, names in kinds.items()}

    def listed(self) -> tuple[GatewayListing, ...]:
        """Return what `bus.gateways()` lists."""
        return listed(self._gateways, self._interfaces)

    def ways(self) -> Iterator[tuple[str, Way, str]]:
        """Return how gateways and methods send, with their names and where they were asked for."""
        for gateway, where in self._gateways.items():
            yield gateway.__qualname__, gateway.way, where
        for interface, where in self._interfaces.items():
            for method in methods_of(interface)[0]:
                yield f"{interface.__qualname__}: {method.name}", method.way, where

    def _has_channels(self, kind: Kind) -> bool:
        return any(
            declaration.kind == kind and "channel" in declaration.options
            for declaration in self._declared.handlers
        )


def _subclasses(gateway: type[Gateway]) -> Iterator[type[Gateway]]:
    for subclass in gateway.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
