"""What the program declared, checked: all problems at once, each with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from actorbus._errors import BusConfigurationError
from actorbus.channels.kafka._checks import check_foreign, register_foreign
from actorbus.codecs import Codecs, Converter, unsupported_parts
from actorbus.codecs._hooks import Hooks
from actorbus.configuration._channel_checks import check_channels
from actorbus.configuration._error_channel_checks import ErrorChannelChecks
from actorbus.configuration._field_checks import check_fields
from actorbus.configuration._gateway_checks import GatewayChecks
from actorbus.configuration._handler_checks import HandlerChecks, Parameters
from actorbus.configuration._handler_conflicts import check_endpoint_ids, check_one_handler_each
from actorbus.configuration._handler_types import HandlerTypes
from actorbus.configuration._message_checks import (
    converter_faults,
    register_aliases,
    register_named,
    versions_of,
)
from actorbus.configuration._problems import Problems
from actorbus.configuration._routing_checks import check_routing, leading_to
from actorbus.declaring._channel import Channel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.declaring._routed_channel import Routing
from actorbus.declaring._services import Services, name_of
from actorbus.distributed._checks import DistributionChecks
from actorbus.distributed._distribution import Distribution, with_others
from actorbus.gateways._listing import GatewayListing
from actorbus.gateways._way import Way
from actorbus.handling import _inject
from actorbus.interceptors._declared import Interceptor
from actorbus.messages._options import MessageOptions
from actorbus.messages._types import TypeRegistry
from actorbus.messages._versions import Versions
from actorbus.options._options import RunsOn
from actorbus.outbox._outboxes import Outboxes
from actorbus.schedules._checks import checked_schedules, register_tick
from actorbus.schedules._schedule import Schedule


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
    distribution: Distribution
    error_handlers: tuple[HandlerSpec, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    routings: tuple[Routing, ...] = ()
    ways: tuple[tuple[str, Way, str], ...] = ()
    """How gateways and interfaces' methods send: their names, and where they were asked for."""

    @property
    def endpoints(self) -> tuple[HandlerSpec, ...]:
        """All handlers, those of error channels last."""
        return (*self.handlers, *self.error_handlers)

    def error_endpoint(self, channel: str) -> str | None:
        """Return the endpoint id of a channel's error handler; None if it has none here."""
        for spec in self.error_handlers:
            if spec.channel == channel:
                return spec.endpoint_id
        return None

    def endpoints_of(self, channel: str) -> tuple[HandlerSpec, ...]:
        """Return the handlers that are sent messages through a channel, in declared order.

        They are those declared on it, or on a channel whose messages go on to it, and where a
        gateway sends through one of these, the handlers of that gateway's kind; those with a
        channel of their own are sent on to that. On an inbox there are also those that other
        services reach, and on an outbox what takes messages on to them, or to a broker.
        """
        outboxes = self.outboxes
        sources = leading_to(channel, self.channels, self.routings)
        own = tuple(
            replace(spec, channel=channel) if spec.channel in sources else spec
            for spec in self.endpoints
            if spec.channel in sources
            or not sources.isdisjoint(self.gateway_channels.get(spec.kind, ()))
        )
        others = (*self.distribution.endpoints_of(channel), *outboxes.endpoints_of(channel))
        return with_others(own, others)

    def synchronous(self) -> tuple[HandlerSpec, ...]:
        """Return the handlers without a channel of their own, in declared order."""
        return tuple(spec for spec in self.handlers if spec.channel is None)

    @property
    def outboxes(self) -> Outboxes:
        """Which channel is whose outbox."""
        return Outboxes(self.channels, self.routings)

    @property
    def has_queries_on_channels(self) -> bool:
        """Whether any query can be asked through a channel."""
        asks = bool(self.gateway_channels.get("query"))
        return asks or any(spec.kind == "query" and spec.channel for spec in self.handlers)

    def channel(self, name: str) -> Channel:
        """Return a channel by its name. Raises KeyError."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(name)


def configured(declared: Declared, runs_on: RunsOn) -> Configuration:
    """Return the checked configuration. Raises BusConfigurationError with all that is wrong."""
    problems = Problems(declared.problems)
    types = TypeRegistry()
    codecs = Codecs(_converters(declared, problems), declared.messages.limits)
    problems.add_all("ActorBus(...)", declared.messages.problems())
    _check_types(declared, types, codecs.hooks, problems)
    register_tick(declared, types)
    register_foreign(declared, types)
    check_channels(declared, problems)
    check_routing(declared, problems)
    gateways = GatewayChecks(declared, problems)
    gateways.collect()
    gateways.check_gateways()
    gateway_channels = gateways.channels_of_kinds()
    handler_types = HandlerTypes(declared, types, codecs.hooks, problems)
    checks = HandlerChecks(declared, runs_on, handler_types, gateway_channels, problems)
    handlers = checks.specs(declared.handlers)
    check_one_handler_each(checks.drafts, problems)
    check_foreign(declared, checks.drafts, problems)
    schedules, handlers = checked_schedules(declared, handlers, types, codecs, problems)
    error_handlers = checks.specs(declared.error_handlers)
    check_endpoint_ids(checks.drafts, problems)
    check_fields(declared, checks.drafts, problems)
    gateways.check_interfaces(handlers, types)
    error_channels = ErrorChannelChecks(declared, problems)
    error_channels.run()
    gateways.check_error_channels(error_channels)
    versions = _versions(declared, types, problems)
    distribution = DistributionChecks(declared, handlers, problems).run()
    problems += declared.services.problems(_inject.known)
    problems += declared.interceptors.problems(
        (*handlers, *error_handlers), types, declared.services
    )
    if problems:
        raise BusConfigurationError(declared.bus, problems)
    return Configuration(
        tuple(handlers),
        checks.parameters,
        tuple(channel for channel, _ in declared.channels),
        types,
        declared.services,
        gateway_channels,
        gateways.listed(),
        tuple(declared.interceptors.declared),
        runs_on,
        versions,
        codecs,
        declared.messages,
        distribution,
        tuple(error_handlers),
        schedules,
        tuple(routing for routing, _ in declared.routings),
        tuple(gateways.ways()),
    )


def _check_types(declared: Declared, types: TypeRegistry, hooks: Hooks, problems: Problems) -> None:
    for named in declared.types:
        problems.add_all(named.where, register_named(types, named))
        faults = unsupported_parts(named.message_type, hooks)
        problems.add_all(named.where, faults, f"{name_of(named.message_type)} cannot be decoded: ")


def _converters(declared: Declared, problems: Problems) -> list[Converter]:
    """Return the converters that can be used; what is wrong with others is collected."""
    good: list[Converter] = []
    for one in declared.converters:
        faults = list(converter_faults(one.converter, good))
        problems.add_all(one.where, faults)
        if not faults:
            good.append(one.converter)
    return good


def _versions(declared: Declared, types: TypeRegistry, problems: Problems) -> Versions:
    """Return the versions of all names, and note their aliases; all types are registered."""
    for named in declared.types:
        problems.add_all(named.where, register_aliases(types, named))
    versions, found = versions_of(types, declared.types, declared.upcasters)
    problems += found
    return versions
