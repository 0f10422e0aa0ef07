"""Start-up checks of channels that lead on to others, and what leads where."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from actorbus._user_calls import parameter_count
from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import Channel, DynamicChannel, name_faults
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._declared import Declared
from actorbus.declaring._routed_channel import ROUTE_POLICIES, RoutedChannel, Routing
from actorbus.messages._types import did_you_mean
from actorbus.outbox._checks import combined_faults

TENANT_POLICIES = ("create", "error", "park", "dead_letter")


def check_routing(declared: Declared, problems: Problems) -> None:
    """Note what is wrong with routing channels, and with what dynamic ones do with the unknown."""
    channels = {channel.name: channel for channel, _ in declared.channels}
    places = {channel.name: where for channel, where in declared.channels}
    for routing, where in declared.routings:
        prefix = f"channel {routing.name!r}: "
        faults = [*name_faults(routing.name), *routing.problems()]
        problems.add_all(where, faults or _target_faults(routing, channels), prefix)
        if isinstance(routing, CombinedChannel) and routing.name in channels:
            continue  # its outbox's name, or a fault that was just noted
        first = places.setdefault(routing.name, where)
        if first is not where:
            problems.add(where, f"{prefix}is declared already, at {first}")
    for channel, where in declared.channels:
        if isinstance(channel, DynamicChannel):
            plain = [name for name, one in channels.items() if not one.dynamic]
            problems.add_all(where, _unknown_faults(channel, plain), f"channel {channel.name!r}: ")


def leading_to(
    channel: str, channels: Iterable[Channel], routings: Iterable[Routing]
) -> frozenset[str]:
    """Return the channels whose messages may be stored on this one, itself included."""
    routings = tuple(routings)
    if any(isinstance(one, CombinedChannel) and one.name == channel for one in routings):
        return frozenset()  # it is an outbox, and handlers that name it are behind the broker
    sources = {routing.name for routing in routings if channel in routing.channels}
    for one in channels:
        if isinstance(one, DynamicChannel) and one.unknown == channel:
            sources.add(one.name)
            sources.update(routing.name for routing in routings if one.name in routing.channels)
    return frozenset({channel, *sources})


def with_targets(names: Iterable[str], declared: Declared) -> Sequence[str]:
    """Return channels to consume, with those that routing channels lead to in their place.

    A combined channel's are its outbox and the broker's; by the outbox's name it is the outbox.
    """
    targets = {routing.name: _consumed(routing) for routing, _ in declared.routings}
    targets |= {channel.name: (channel.name,) for channel, _ in declared.channels}
    found = (name for given in names for name in targets.get(given, (given,)))
    return tuple(dict.fromkeys(found))


def _consumed(routing: Routing) -> tuple[str, ...]:
    if isinstance(routing, CombinedChannel):
        return tuple(routing.members) if routing.is_complete else ()
    return tuple(routing.channels)


def _target_faults(routing: Routing, channels: dict[str, Channel]) -> Iterator[str]:
    if isinstance(routing, CombinedChannel):
        yield from combined_faults(routing, channels)
        return
    known = list(channels)
    for name in routing.channels:
        if name not in channels:
            hint = did_you_mean(str(name), known)
            yield f"no channel {name!r} that holds messages{hint}"
    if not isinstance(routing, RoutedChannel) or routing.unknown != "park":
        return
    for name in routing.channels:
        if name in channels and channels[name].dynamic:
            yield (
                f"unknown='park' cannot be kept for {name!r}: when a parked message goes on, a"
                " dynamic channel would not find its tenant; use one of "
                + " or ".join(repr(policy) for policy in ROUTE_POLICIES if policy != "park")
                + " or a channel's name"
            )


def _unknown_faults(channel: DynamicChannel, plain: Collection[str]) -> Iterator[str]:
    unknown, tenants = channel.unknown, channel.tenants
    if callable(tenants) and (count := parameter_count(tenants)) > 1:
        yield f"tenants= takes {count} parameters; it may take one, a Transaction that reads"
    if isinstance(tenants, str):
        yield f"tenants={tenants!r} is one text: give a set of names"
    elif tenants is None:
        if unknown != "create":
            yield f"unknown={unknown!r} needs tenants={{...}}: without it every name is known"
    elif unknown == "create":
        if not isinstance(tenants, dict):
            yield "tenants={...} is given and unknown='create' would let every name in; drop one"
    elif not callable(tenants):
        names = tenants.values() if isinstance(tenants, dict) else tenants
        if unknown not in {*TENANT_POLICIES, *plain, *names}:
            allowed = ", ".join((*TENANT_POLICIES[1:], *sorted({*names, *plain})))
            yield (
                f"unknown={unknown!r} is no policy, no known tenant and no channel on the store"
                f" (allowed: {allowed})"
            )
