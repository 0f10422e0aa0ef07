"""Start-up checks of channels: their options, their names, and who names them."""

from collections.abc import Iterable, Sequence

from actorbus.channels._capabilities import capability_faults
from actorbus.channels.kafka._checks import check_kafka
from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import CAPABILITIES, Channel
from actorbus.declaring._combined_channel import CombinedChannel
from actorbus.declaring._declared import Declared
from actorbus.messages._types import did_you_mean
from actorbus.options._retry_checks import retry_contradictions


def check_channels(declared: Declared, problems: Problems) -> None:
    """Note what is wrong with the channels' options, and names that two of them have."""
    places: dict[str, str] = {}
    for channel, where in declared.channels:
        problems.add_all(where, channel.problems(), f"channel {channel.name!r}: ")
        problems.add_all(where, retry_contradictions(channel.retry), f"channel {channel.name!r}: ")
        own = [name for name in CAPABILITIES if getattr(channel, name, None) is not None]
        check_capabilities(declared, problems, where, own, channel)
        first = places.setdefault(channel.name, where)
        if first is not where:
            problems.add(where, f"channel {channel.name!r} is declared already, at {first}")
    check_kafka(declared, problems)


def check_capabilities(
    declared: Declared,
    problems: Problems,
    where: str,
    given: Iterable[str],
    channel: Channel | str | None,
    *,
    prefix: str = "",
) -> None:
    """Note options that a channel cannot honour; one that there is not is noted elsewhere."""
    channels = [one for one, _ in declared.channels]
    for routing, _ in declared.routings:  # what a combined channel can do is its broker's to say
        if isinstance(routing, CombinedChannel) and channel == routing.name:
            channel = routing.broker
    named = [one for one in channels if channel in (one, one.name)]
    for one in named[:1]:
        problems.add_all(where, capability_faults(given, one, channels), prefix)


def channel_names(declared: Declared) -> Sequence[str]:
    """Return the names of the declared channels, in their order."""
    return [channel.name for channel, _ in (*declared.channels, *declared.routings)]


def check_channel_name(
    problems: Problems, known: Sequence[str], where: str, name: object, prefix: str = ""
) -> None:
    """Note a name that no channel has, with the one that was probably meant."""
    if name not in known:
        problems.add(where, f"{prefix}no channel {name!r}{did_you_mean(str(name), known)}")
