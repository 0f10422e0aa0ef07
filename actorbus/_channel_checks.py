"""Start-up checks of channels: their options, their names, and who names them."""

from collections.abc import Sequence

from actorbus._declared import Declared
from actorbus._problems import Problems
from actorbus._retry_checks import retry_contradictions
from actorbus._types import did_you_mean


def check_channels(declared: Declared, problems: Problems) -> None:
    """Note what is wrong with the channels' options, and names that two of them have."""
    places: dict[str, str] = {}
    for channel, where in declared.channels:
        problems.add_all(where, channel.problems(), f"channel {channel.name!r}: ")
        problems.add_all(where, retry_contradictions(channel.retry), f"channel {channel.name!r}: ")
        first = places.setdefault(channel.name, where)
        if first is not where:
            problems.add(where, f"channel {channel.name!r} is declared already, at {first}")


def channel_names(declared: Declared) -> Sequence[str]:
    """Return the names of the declared channels, in their order."""
    return [channel.name for channel, _ in declared.channels]


def check_channel_name(
    problems: Problems, known: Sequence[str], where: str, name: object, prefix: str = ""
) -> None:
    """Note a name that no channel has, with the one that was probably meant."""
    if name not in known:
        problems.add(where, f"{prefix}no channel {name!r}{did_you_mean(str(name), known)}")
