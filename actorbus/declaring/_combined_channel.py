"""Channels that take a message to a broker by way of an outbox in the store."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True, slots=True)
class CombinedChannel:
    """An outbox in the store and the channel at a broker that it is relayed to, as one channel.

    `CombinedChannel(["outbox", "kafka"])`: a message that is sent on it is stored in the first of
    `members`, a channel on the store, in the sender's transaction. It is relayed to the second, a
    channel at a broker, and handled from there. An outbox that nobody declared is declared by this.
    `name` is what senders and handlers name it by, the outbox's own if not given.

    Handlers that name this channel, or the broker's, take what was sent on either.
    """

    members: Collection[str]
    _: KW_ONLY
    name: str = ""

    def __post_init__(self) -> None:
        """Keep a tuple, and a name; what is no list of two names is left for `problems`."""
        if not isinstance(self.members, str) and isinstance(self.members, Iterable):
            object.__setattr__(self, "members", tuple(self.members))
        if not self.name and self.is_complete:
            object.__setattr__(self, "name", self.outbox)

    @property
    def is_complete(self) -> bool:
        """Whether it has the two members that it needs."""
        return (
            isinstance(self.members, tuple)
            and len(self.members) == 2  # noqa: PLR2004  an outbox and a broker
            and all(isinstance(member, str) for member in self.members)
        )

    @property
    def outbox(self) -> str:
        """The channel on the store."""
        return next(iter(self.members))

    @property
    def broker(self) -> str:
        """The channel at the broker."""
        return tuple(self.members)[1]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channel that its messages are handled from."""
        return (self.broker,) if self.is_complete else ()

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        if not self.is_complete:
            yield (
                f"CombinedChannel({self.members!r}) is not allowed: give two names, of an outbox"
                " and of a channel at a broker, as in ['outbox', 'kafka']"
            )
        elif self.outbox == self.broker:
            yield f"CombinedChannel({list(self.members)!r}) names one channel twice"
