"""What a channel can do for the messages on it, and the refusal of what it cannot.

A kind of channel declares its `capabilities`: those of `CAPABILITIES` that it honours. An option
that needs another is refused when the bus starts, wherever it was written, and to the sender if it
is a message's own: it is never ignored.
"""

from collections.abc import Iterable, Iterator, Sequence

from actorbus._errors import InvalidSendOption
from actorbus.declaring._channel import CAPABILITIES, Channel
from actorbus.options._timing import Timing


def lacking(channel: Channel) -> frozenset[str]:
    """Return the options of messages that a channel cannot honour."""
    return CAPABILITIES - channel.capabilities


def capability_faults(
    given: Iterable[str], channel: Channel, others: Sequence[Channel]
) -> Iterator[str]:
    """Say which of the options that were given a channel cannot honour, and which channels can."""
    missing = lacking(channel)
    for name in sorted(missing.intersection(given)):
        able = [repr(other.name) for other in others if name not in lacking(other)]
        there = f"; those that can: {', '.join(able)}" if able else ""
        yield f"{name}= is not possible on {_described(channel)}: drop it{there}"


def refuse_lacking(wishes: Timing, missing: frozenset[str], channel: Channel) -> None:
    """Refuse a sender's wish that a channel cannot honour. Raises InvalidSendOption.

    `deliver_at` is a delay too.
    """
    for name in missing:
        asked = wishes.has_due_time if name == "delay" else getattr(wishes, name, None) is not None
        if asked:
            raise InvalidSendOption(f"{name}= is not possible on {_described(channel)}: drop it")


def refuse_ordering(wish: object, missing: frozenset[str], channel: Channel) -> None:
    """Refuse a sender's key on a channel that keeps no order. Raises InvalidSendOption."""
    if wish is not None and "ordering_key" in missing:
        raise InvalidSendOption(f"ordering_key= is not possible on {_described(channel)}: drop it")


def _described(channel: Channel) -> str:
    return f"channel {channel.name!r} ({type(channel).__name__})"
