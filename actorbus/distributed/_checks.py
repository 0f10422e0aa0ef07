"""Start-up checks of what a bus has to do with other services."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from actorbus._errors import MessageRefused
from actorbus.codecs import known_content_types
from actorbus.configuration._channel_checks import check_channel_name
from actorbus.configuration._handler_types import parameters_or_none
from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import Channel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec
from actorbus.distributed._distribution import Distribution, is_plain_channel
from actorbus.distributed._gateway import GATEWAY_KEYWORDS, DistributedBus, is_distributed
from actorbus.distributed._service_map import ServiceMap, is_service_name
from actorbus.distributed._wire import PREFIX
from actorbus.messages._readings import is_kind_of
from actorbus.messages._types import did_you_mean
from actorbus.options._options import SendOptions, checked_headers
from actorbus.options._timing import timing


class DistributionChecks:
    """Makes the distribution of one bus, and collects what is wrong with it."""

    def __init__(
        self, declared: Declared, handlers: Sequence[HandlerSpec], problems: Problems
    ) -> None:
        self._declared = declared
        self._own = declared.distribution
        self._handlers = handlers
        self._problems = problems
        self._channels: Mapping[str, Channel] = {one.name: one for one, _ in declared.channels}
        self._gateways = dict(self._own.gateways)
        self._maps: dict[str, ServiceMap] = {}

    def run(self) -> Distribution:
        """Check everything; what is returned is to be used only if no problem was found."""
        self._check_maps()
        self._check_own_name()
        self._check_inboxes()
        self._collect_gateways()
        for gateway, where in self._gateways.items():
            faults = self._gateway_faults(gateway)
            self._problems.add_all(where, faults, f"{gateway.__qualname__}: ")
        reachable = [spec for spec in self._handlers if spec.distributed]
        for spec in reachable:
            self._problems.add_all(spec.where, self._reach_faults(spec))
        return Distribution(
            self._declared.bus,
            tuple(dict.fromkeys(name for name, _ in self._own.inboxes)),
            self._maps,
            dict(self._gateways),
            tuple(reachable),
        )

    # -- maps and inboxes -------------------------------------------------------------------

    def _check_maps(self) -> None:
        places: dict[str, str] = {}
        for service_map, where in self._own.maps:
            prefix = f"service map {service_map.name!r}: "
            self._problems.add_all(where, service_map.problems(), prefix)
            self._problems.add_all(where, self._map_faults(service_map), prefix)
            for _, channel in service_map.pairs:
                check_channel_name(self._problems, [*self._channels], where, channel, prefix)
            if not isinstance(service_map.name, str):
                continue
            if service_map.name in self._maps:
                there = places[service_map.name]
                self._problems.add(where, f"{prefix}declared already, at {there}; give name=")
            else:
                self._maps[service_map.name], places[service_map.name] = service_map, where

    def _map_faults(self, service_map: ServiceMap) -> Iterator[str]:
        inboxes = {name for name, _ in self._own.inboxes}
        for service, channel in service_map.pairs:
            if service == self._declared.bus:
                yield f"{service!r} is this bus itself; send through bus.commands and bus.events"
            elif channel in inboxes:
                yield f"{service!r}: channel {channel!r} is an inbox of this bus"
            for spec in self._handlers:
                if spec.channel == channel:
                    yield (
                        f"{service!r}: channel {channel!r} has a handler here, {spec.endpoint_id};"
                        " what is on it is for that service alone"
                    )
            declared = self._channels.get(channel)
            if declared is not None and not is_plain_channel(declared):
                yield _dynamic(channel)

    def _check_own_name(self) -> None:
        where = [place for _, place in (*self._own.maps, *self._own.inboxes)]
        if where and not is_service_name(self._declared.bus):
            name = self._declared.bus
            text = f"the bus's name, {name!r}, is its service's: without '/', ':', outer spaces"
            self._problems.add(where[0], text)

    def _check_inboxes(self) -> None:
        for name, where in self._own.inboxes:
            channel = self._channels.get(name)
            if channel is not None and not is_plain_channel(channel):
                self._problems.add(where, _dynamic(name))

    # -- gateways ---------------------------------------------------------------------------

    def _collect_gateways(self) -> None:
        """Find the gateways that handlers ask for, beside those that the program asked for."""
        for declaration in self._declared.handlers:
            for parameter in parameters_or_none(declaration):
                if is_distributed(parameter.annotation):
                    self._gateways.setdefault(parameter.annotation, declaration.where)

    def _gateway_faults(self, gateway: type[DistributedBus]) -> Iterator[str]:
        if gateway.service_map not in [*self._maps]:
            hint = did_you_mean(str(gateway.service_map), self._maps)
            yield f"no service map {gateway.service_map!r}{hint}; declare it: add_service_map(...)"
        yield from self._outbox_faults(gateway.channel)
        for name in gateway.options.keys() - GATEWAY_KEYWORDS:
            hint = did_you_mean(name, GATEWAY_KEYWORDS)
            yield f"a distributed gateway has no option {name}={hint}"
        yield from option_faults(gateway.options)

    def _outbox_faults(self, outbox: str | None) -> Iterator[str]:
        if outbox is None:
            return
        if outbox not in [*self._channels]:
            yield f"no channel {outbox!r}{did_you_mean(str(outbox), self._channels)}"
        elif not is_plain_channel(self._channels[outbox]):
            yield _dynamic(outbox)
        elif outbox in self._own.foreign_channels():
            yield f"channel {outbox!r} is a service's own; an outbox is consumed by this bus"

    # -- handlers ---------------------------------------------------------------------------

    def _reach_faults(self, spec: HandlerSpec) -> Iterator[str]:
        if not self._own.inboxes:
            yield "distributed=True needs an inbox: declare its channel with bus.add_inbox(...)"
        if spec.route_by == "type" and not self._is_named(spec):
            yield (
                "distributed=True needs a name that other services know: a routing key, or"
                " @bus.message on its type"
            )

    def _is_named(self, spec: HandlerSpec) -> bool:
        return any(
            named.message_type is spec.message_type
            or (spec.kind == "event" and is_kind_of(named.message_type, spec.message_type))
            for named in self._declared.types
        )


def option_faults(options: Mapping[str, object]) -> Iterator[str]:
    """Say what is wrong with options for all that a gateway sends."""
    headers = options.get("headers", {})
    content_type = options.get("content_type")
    if content_type is not None and content_type not in known_content_types():
        known = " or ".join(map(repr, known_content_types()))
        yield f"content_type={content_type!r} is not allowed: give {known}"
    try:
        timing(cast("SendOptions", options), 0.0)
        checked = checked_headers(headers)
    except MessageRefused as error:
        yield str(error)
    else:
        yield from reserved(checked)


def reserved(headers: Iterable[str]) -> Iterator[str]:
    """Say which headers are the bus's own, and may not be given."""
    for name in headers:
        if name.startswith(PREFIX):
            yield f"header {name!r}: names that begin with {PREFIX!r} are the bus's own"


def _dynamic(channel: str) -> str:
    return (
        f"channel {channel!r} is dynamic: between services messages have no tenant; give it to the"
        " channels of the handlers behind the inbox"
    )
