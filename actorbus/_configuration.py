"""What the program declared, and every check of it: all problems at once, each with its place."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from types import UnionType
from typing import Any, cast, is_typeddict

from actorbus import _inject
from actorbus._channel import Channel
from actorbus._errors import BusConfigurationError, Problem
from actorbus._gateway import Gateway
from actorbus._gateway_listing import GatewayListing, listed
from actorbus._gateway_options import way_faults
from actorbus._handlers import Declaration, HandlerSpec, Kind, RouteBy, World, is_async
from actorbus._instant_retry import InstantRetry, retry_faults
from actorbus._interface import is_interface, methods_of
from actorbus._interface_checks import interface_faults
from actorbus._message_checks import (
    DeclaredConverter,
    NamedType,
    Parents,
    converter_faults,
    key_faults,
    register_aliases,
    register_named,
    versions_of,
)
from actorbus._message_options import MessageOptions
from actorbus._options import HANDLER_OPTIONS, QUERY_OPTIONS, Checked, RunsOn, contradictions
from actorbus._services import Services, name_of
from actorbus._topic import is_pattern
from actorbus._types import TypeRegistry, checked_name, did_you_mean, stable_name
from actorbus._versions import Upcaster, Versions
from actorbus.codecs import (
    STRICTNESS,
    UNKNOWN_FIELDS,
    Codecs,
    Conversion,
    Converter,
    Strictness,
    UnknownFields,
    is_plain,
    unsupported_parts,
)
from actorbus.interceptors._declared import Interceptor, Interceptors
from actorbus.interceptors._markers import Marker, markers_of, without_markers
from actors import process_problem
from supervisors import Retry

Parameters = tuple[Parameter, ...]


@dataclass(slots=True)
class Declared:
    """Everything that the program told the bus, in its order, unchecked."""

    bus: str
    handlers: list[Declaration] = field(default_factory=list)
    channels: list[tuple[Channel, str]] = field(default_factory=list)
    types: list[NamedType] = field(default_factory=list)
    services: Services = field(default_factory=Services)
    gateways: dict[type[Gateway], str] = field(default_factory=dict)
    interfaces: dict[type, str] = field(default_factory=dict)
    upcasters: list[Upcaster] = field(default_factory=list)
    converters: list[DeclaredConverter] = field(default_factory=list)
    messages: MessageOptions = field(default_factory=MessageOptions)
    problems: list[Problem] = field(default_factory=list)
    interceptors: Interceptors = field(default_factory=Interceptors)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A bus that can start: handlers, channels and message types, checked."""

    handlers: tuple[HandlerSpec, ...]
    parameters: Mapping[str, Parameters]
    channels: tuple[Channel, ...]
    types: TypeRegistry
    services: Services
    gateway_channels: Mapping[Kind, frozenset[str]]
    gateways: tuple[GatewayListing, ...]
    interceptors: tuple[Interceptor, ...]
    runs_on: RunsOn
    versions: Versions
    codecs: Codecs
    messages: MessageOptions

    def endpoints_of(self, channel: str) -> tuple[HandlerSpec, ...]:
        """Return the handlers that are sent messages through a channel, in declared order.

        They are those declared on it, and where a gateway sends through it, the handlers of that
        gateway's kind; those with a channel of their own are sent on to that.
        """
        return tuple(
            spec
            for spec in self.handlers
            if spec.channel == channel or channel in self.gateway_channels.get(spec.kind, ())
        )

    def synchronous(self) -> tuple[HandlerSpec, ...]:
        """Return the handlers without a channel of their own, in declared order."""
        return tuple(spec for spec in self.handlers if spec.channel is None)

    def channel(self, name: str) -> Channel:
        """Return a channel by its name. Raises KeyError."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(name)


def configured(declared: Declared, runs_on: RunsOn) -> Configuration:
    """Return the checked configuration. Raises ConfigurationError with all that is wrong."""
    return _Checks(declared, runs_on).run()


class _Checks:
    """One pass over what was declared, which collects problems instead of stopping at them."""

    def __init__(self, declared: Declared, runs_on: RunsOn) -> None:
        self.declared = declared
        self.runs_on = runs_on
        self.problems = list(declared.problems)
        self.types = TypeRegistry()
        self.codecs = Codecs(self.converters(), declared.messages.limits)
        self.parents = Parents(
            declared.types, declared.handlers, _parameters_or_none, self.codecs.hooks
        )
        self.channel_names = [channel.name for channel, _ in declared.channels]
        self.parameters: dict[str, Parameters] = {}
        self.gateways = dict(declared.gateways)
        self.interfaces = dict(declared.interfaces)
        self.markers: dict[int, tuple[Marker, ...]] = {}

    def run(self) -> Configuration:
        self.check_message_options()
        self.check_types()
        self.check_channels()
        self.collect_gateways()
        self.check_gateways()
        handlers = [spec for spec in map(self.handler, self.declared.handlers) if spec is not None]
        self.check_one_handler_each(handlers)
        self.check_endpoint_ids(handlers)
        self.check_interfaces(handlers)
        versions = self.versions()
        self.problems += self.declared.services.problems(_inject.known)
        self.problems += self.declared.interceptors.problems(
            handlers, self.types, self.declared.services
        )
        if self.problems:
            raise BusConfigurationError(self.declared.bus, self.problems)
        return Configuration(
            tuple(handlers),
            self.parameters,
            tuple(channel for channel, _ in self.declared.channels),
            self.types,
            self.declared.services,
            self.gateway_channels(),
            listed(self.gateways, self.interfaces),
            tuple(self.declared.interceptors.declared),
            self.runs_on,
            versions,
            self.codecs,
            self.declared.messages,
        )

    # -- types, channels, gateways ----------------------------------------------------------

    def check_types(self) -> None:
        for named in self.declared.types:
            for fault in register_named(self.types, named):
                self.add(named.where, fault)
            for fault in unsupported_parts(named.message_type, self.codecs.hooks):
                self.add(named.where, f"{name_of(named.message_type)} cannot be decoded: {fault}")

    def converters(self) -> list[Converter]:
        """Return the converters that can be used; what is wrong with others is collected."""
        good: list[Converter] = []
        for declared in self.declared.converters:
            faults = list(converter_faults(declared.converter, good))
            for fault in faults:
                self.add(declared.where, fault)
            if not faults:
                good.append(declared.converter)
        return good

    def versions(self) -> Versions:
        """Return the versions of all names, and note their aliases; all types are registered."""
        for named in self.declared.types:
            for fault in register_aliases(self.types, named):
                self.add(named.where, fault)
        found = versions_of(self.types, self.declared.types, self.declared.upcasters)
        self.problems += found[1]
        return found[0]

    def check_message_options(self) -> None:
        for fault in self.declared.messages.problems():
            self.add("ActorBus(...)", fault)

    def check_channels(self) -> None:
        places: dict[str, str] = {}
        for channel, where in self.declared.channels:
            for fault in channel.problems():
                self.add(where, f"channel {channel.name!r}: {fault}")
            first = places.setdefault(channel.name, where)
            if first is not where:
                self.add(where, f"channel {channel.name!r} is declared already, at {first}")

    def collect_gateways(self) -> None:
        """Find the gateways that handlers ask for, beside those that the program asked for."""
        for declaration in self.declared.handlers:
            for parameter in _parameters_or_none(declaration):
                if _inject.is_gateway(parameter.annotation):
                    self.gateways.setdefault(parameter.annotation, declaration.where)
                elif is_interface(parameter.annotation):
                    self.interfaces.setdefault(parameter.annotation, declaration.where)

    def check_gateways(self) -> None:
        for gateway, where in self.gateways.items():
            if gateway.channel is not None:
                self.check_channel_name(where, gateway.channel, f"{gateway.__qualname__}: ")
            asynchronous = gateway.channel is not None or self.has_channels(gateway.kind)
            for fault in way_faults(gateway.way, asynchronous=asynchronous):
                self.add(where, f"{gateway.__qualname__}: {fault}")

    def check_interfaces(self, handlers: Sequence[HandlerSpec]) -> None:
        for interface, where in self.interfaces.items():
            for fault in interface_faults(interface, handlers, self.types, self.channel_names):
                self.add(where, f"{interface.__qualname__}: {fault}")

    def has_channels(self, kind: Kind) -> bool:
        return any(
            declaration.kind == kind and "channel" in declaration.options
            for declaration in self.declared.handlers
        )

    def gateway_channels(self) -> dict[Kind, frozenset[str]]:
        kinds: dict[Kind, set[str]] = {"command": set(), "event": set()}
        for gateway in {*self.gateways, *_subclasses(Gateway)}:
            if gateway.channel in self.channel_names and gateway.kind in kinds:
                kinds[gateway.kind].add(gateway.channel)
        for method in (one for each in self.interfaces for one in methods_of(each)[0]):
            if method.way.channel in self.channel_names and method.way.kind in kinds:
                kinds[method.way.kind].add(method.way.channel)
        return {kind: frozenset(names) for kind, names in kinds.items()}

    def check_channel_name(self, where: str, name: object, prefix: str = "") -> None:
        if name not in self.channel_names:
            hint = did_you_mean(str(name), self.channel_names)
            self.add(where, f"{prefix}no channel {name!r}{hint}")

    # -- handlers ---------------------------------------------------------------------------

    def handler(self, declaration: Declaration) -> HandlerSpec | None:
        where = declaration.where
        before = len(self.problems)
        parameters = self.parameters_of(declaration)
        if parameters is None:
            return None
        message, *others = parameters
        type_name = self.message_type(declaration, message)
        endpoint_id = self.endpoint_id(declaration)
        self.problems += [
            Problem(where, fault) for fault in _inject.faults(others, self.declared.services)
        ]
        spec = self.with_options(declaration, message.annotation, type_name, endpoint_id)
        if spec.world == "process":
            self.check_process(declaration, message, others)
        if len(self.problems) > before:
            return None
        self.parameters[spec.endpoint_id] = tuple(others)
        return spec

    def parameters_of(self, declaration: Declaration) -> Sequence[Parameter] | None:
        """Return the parameters, or None (with a problem) if not even these can be told."""
        try:
            parameters = list(declaration.parameters().values())
        except Exception as error:  # noqa: BLE001  annotations run the user's code when resolved
            self.add(declaration.where, f"an annotation cannot be resolved: {error}")
            return None
        if not parameters or parameters[0].kind not in _MESSAGE_KINDS:
            self.add(
                declaration.where, "takes no message: its first parameter is to be the message"
            )
            return None
        message = parameters[0]
        self.markers[declaration.order] = markers_of(declaration.function, message.annotation)
        parameters[0] = message.replace(annotation=without_markers(message.annotation))
        return parameters

    def message_type(self, declaration: Declaration, parameter: Parameter) -> str:
        """Register the message's type and return its name, "" if it cannot have one."""
        where, kind = declaration.where, parameter.annotation
        if kind is Parameter.empty:
            self.add(where, f"parameter {parameter.name!r}, the message, has no annotation")
            return ""
        if _inject.known(kind) or kind in self.declared.services:
            self.add(where, f"the first parameter is to be the message, not {name_of(kind)}")
            return ""
        faults = unsupported_parts(kind, self.codecs.hooks)
        if faults and self.parents.is_one(declaration, kind):
            return self.parent_name(where, kind)
        if faults and isinstance(kind, UnionType):
            self.add(where, f"{kind} is several message types: write a handler for each")
            return ""
        for fault in faults:
            self.add(where, f"message type {name_of(kind)} cannot be decoded: {fault}")
        if faults:
            return ""
        if declaration.routing_key is not None:
            return self.keyed_name(declaration, declaration.routing_key, kind)
        return self.class_name(declaration, kind)

    def keyed_name(self, declaration: Declaration, routing_key: str, kind: Any) -> str:
        """Register what a handler makes of a key's data; patterns are keys of others."""
        faults = list(key_faults(declaration))
        for fault in faults:
            self.add(declaration.where, fault)
        if faults or _route_by(declaration) == "pattern":
            return routing_key
        with _Collected(self.problems, declaration.where):
            return self.types.register_view(kind, routing_key)
        return ""

    def class_name(self, declaration: Declaration, kind: Any) -> str:
        """Register a message type that a handler takes."""
        if is_plain(kind):
            example = f'@bus.{declaration.kind}_handler("orders.placed")'
            text = f"{name_of(kind)} is plain data, it needs a routing key: {example}"
            self.add(declaration.where, text)
            return ""
        with _Collected(self.problems, declaration.where):
            return self.types.register(kind)
        return ""

    def parent_name(self, where: str, kind: Any) -> str:
        """Return the name of a class that only its subclasses are messages of."""
        with _Collected(self.problems, where):
            return stable_name(kind)
        return ""

    def endpoint_id(self, declaration: Declaration) -> str:
        with _Collected(self.problems, declaration.where):
            given = declaration.options.get("endpoint_id")
            return stable_name(declaration.function) if given is None else checked_name(given)
        return ""

    def with_options(
        self, declaration: Declaration, message_type: Any, type_name: str, endpoint_id: str
    ) -> HandlerSpec:
        """Return the spec with its options; refused ones are left out and collected."""
        where, given = declaration.where, declaration.options
        self.check_option_names(declaration)
        checked = Checked(given)
        runs_on = checked.choice("runs_on", ("trio", "asyncio", "process"))
        retry = checked.of_type("retry", Retry | InstantRetry, "a Retry or an InstantRetry")
        spec = HandlerSpec(
            kind=declaration.kind,
            message_type=message_type,
            type_name=type_name,
            function=declaration.function,
            endpoint_id=endpoint_id,
            world=self.world(declaration, runs_on),
            aliases=checked.texts("aliases"),
            channel=given.get("channel"),
            delay=checked.seconds("delay", above_zero=False) or 0.0,
            priority=checked.whole("priority") or 0,
            time_to_live=checked.seconds("time_to_live"),
            deduplicate=checked.function("deduplicate"),
            concurrency=checked.whole("concurrency", at_least=1),
            timeout=checked.seconds("timeout"),
            retry=retry if isinstance(retry, Retry) else None,
            instant_retry=retry if isinstance(retry, InstantRetry) else None,
            outage=checked.exceptions("outage"),
            permanent=checked.exceptions("permanent") or (),
            breaker=checked.whole("breaker", at_least=1),
            order=declaration.order,
            where=where,
            markers=self.markers.get(declaration.order, ()),
            route_by=_route_by(declaration),
            conversion=self.conversion(declaration, checked),
        )
        asynchronous = spec.channel is not None or bool(self.gateway_channels().get(spec.kind))
        for fault in (*checked.problems, *contradictions(given, asynchronous=asynchronous)):
            self.add(where, fault)
        for fault in retry_faults(spec, asynchronous=asynchronous):
            self.add(where, fault)
        if spec.channel is not None:
            self.check_channel_name(where, spec.channel)
        return spec

    def conversion(self, declaration: Declaration, checked: Checked) -> Conversion:
        strictness = checked.choice("conversion", STRICTNESS)
        unknown_fields = checked.choice("unknown_fields", UNKNOWN_FIELDS)
        return self.declared.messages.conversion_of(
            cast("Strictness | None", strictness),
            cast("UnknownFields | None", unknown_fields),
            is_view=declaration.routing_key is not None,
        )

    def check_option_names(self, declaration: Declaration) -> None:
        allowed = QUERY_OPTIONS if declaration.kind == "query" else HANDLER_OPTIONS
        for name in declaration.options:
            if name not in allowed:
                hint = did_you_mean(name, allowed)
                self.add(
                    declaration.where,
                    f"{_AN[declaration.kind]} handler has no option {name}={hint}",
                )

    def world(self, declaration: Declaration, runs_on: str | None) -> World:
        """Return where the handler runs; its colour and its option have to agree."""
        if is_async(declaration.function):
            if runs_on == "process":
                self.add(
                    declaration.where, "runs_on='process' is for plain functions; this is async"
                )
            return "asyncio" if (runs_on or self.runs_on) == "asyncio" else "trio"
        if runs_on in {"trio", "asyncio"}:
            text = f"runs_on={runs_on!r} is for async functions; this plain one runs on a thread"
            self.add(declaration.where, text)
        return "process" if runs_on == "process" else "thread"

    def check_process(
        self, declaration: Declaration, message: Parameter, others: Sequence[Parameter]
    ) -> None:
        """Check that another process finds the function and the message's type, and needs no more.

        A class that is made in a function is found nowhere; plain data is found everywhere.
        """
        wanted = [declaration.function]
        if isinstance(message.annotation, type) and not is_typeddict(message.annotation):
            wanted.append(message.annotation)
        problems = [problem for problem in map(process_problem, wanted) if problem is not None]
        faults = _inject.process_faults(others, self.declared.services)
        for fault in (*problems, *faults):
            self.add(declaration.where, f"runs_on='process': {fault}")

    def check_one_handler_each(self, handlers: Iterable[HandlerSpec]) -> None:
        first: dict[tuple[Kind, str], HandlerSpec] = {}
        kinds: dict[str, HandlerSpec] = {}
        for spec in handlers:
            if spec.route_by == "pattern":
                continue
            name, where = spec.type_name, spec.where
            of_kind = kinds.setdefault(name, spec)
            if of_kind.kind != spec.kind:
                there = f"{_AN[of_kind.kind]} at {of_kind.where}"
                self.add(where, f"{name!r} is {_AN[spec.kind]} here and {there}")
            other = first.setdefault((spec.kind, name), spec)
            if spec.kind != "event" and other is not spec:
                self.add(where, f"two handlers of the {spec.kind} {name!r}: also {other.where}")

    def check_endpoint_ids(self, handlers: Iterable[HandlerSpec]) -> None:
        taken: dict[str, HandlerSpec] = {}
        for spec in handlers:
            for name in (spec.endpoint_id, *spec.aliases):
                other = taken.setdefault(name, spec)
                if other is not spec:
                    text = f"endpoint id {name!r} is taken by {other.where}; give endpoint_id="
                    self.add(spec.where, text)

    def add(self, where: str, text: str) -> None:
        self.problems.append(Problem(where, text))


_AN: dict[Kind, str] = {"command": "a command", "event": "an event", "query": "a query"}
_MESSAGE_KINDS = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}


def _route_by(declaration: Declaration) -> RouteBy:
    if declaration.routing_key is None:
        return "type"
    return "pattern" if is_pattern(declaration.routing_key) else "key"


class _Collected:
    """Turns a ValueError raised inside into a problem."""

    def __init__(self, problems: list[Problem], where: str) -> None:
        self._problems = problems
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, ValueError):
            self._problems.append(Problem(self._where, str(error)))
            return True
        return False


def _parameters_or_none(declaration: Declaration) -> Iterable[Parameter]:
    try:
        return declaration.parameters().values()
    except Exception:  # noqa: BLE001  reported when the handler itself is checked
        return ()


def _subclasses(gateway: type[Gateway]) -> Iterator[type[Gateway]]:
    for subclass in gateway.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
