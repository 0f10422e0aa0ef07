"""Start-up checks of error channels: each has a handler, and none leads to another or to itself."""

from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter

from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import Declaration
from actorbus.declaring._services import name_of
from actorbus.handling._failed_message import FailedMessage
from actorbus.messages._types import did_you_mean

FAILED_MESSAGE = "actorbus.FailedMessage"
"""What error handlers take, as the name of a message."""


class ErrorChannelChecks:
    """Who names error channels, and whether what goes there is handled."""

    def __init__(self, declared: Declared, problems: Problems) -> None:
        self._problems = problems
        self._channels: Mapping[str, Channel] = {one.name: one for one, _ in declared.channels}
        self._handled = _channels_of(declared.error_handlers)
        self._named = _named(declared.channels, declared.handlers)

    def run(self) -> None:
        """Note what is wrong with the error channels of channels and of handlers."""
        for where, prefix, own, name in self._named:
            self._problems.add_all(where, self.faults(name, own), prefix)
        for channel, (first, *others) in self._handled.items():
            for other in others:
                text = f"two error handlers of the channel {channel!r}: also {first}"
                self._problems.add(other, text)

    def faults(self, name: object, own: str | None = None) -> Iterator[str]:
        """Say what is wrong with an error channel that is named by one on the channel `own`."""
        if name is None:
            return
        channel = self._channels.get(name) if isinstance(name, str) else None
        if channel is None:
            yield f"error_channel: no channel {name!r}{did_you_mean(str(name), self._channels)}"
            return
        if name == own:
            yield f"error_channel={name!r} is its own channel: what fails would come back for ever"
            return
        if isinstance(channel, DynamicChannel):
            yield f"error_channel={name!r} is dynamic: what fails has no tenant there"
        if channel.error_channel is not None:
            yield (
                f"error_channel={name!r} has error_channel={channel.error_channel!r} itself: what"
                " an error handler fails with goes to the dead letters; drop that one"
            )
        if name not in self._handled:
            yield (
                f"error_channel={name!r}: nobody handles what comes there; declare"
                f" @bus.error_handler(channel={name!r})"
            )


def error_handler_faults(declaration: Declaration, message: Parameter) -> Iterator[str]:
    """Say what is wrong with an error handler that no other handler is asked for."""
    if message.annotation is not FailedMessage:
        yield (
            f"an error handler's first parameter is a FailedMessage, not"
            f" {name_of(message.annotation)}"
        )
    if not isinstance(declaration.options.get("channel"), str):
        yield "an error handler needs channel=: that of the messages that failed"
    if declaration.options.get("runs_on") == "process":
        yield "runs_on='process': an error handler decides about its message, which cannot leave"


def _channels_of(handlers: Sequence[Declaration]) -> Mapping[object, list[str]]:
    found: dict[object, list[str]] = {}
    for declaration in handlers:
        channel = declaration.options.get("channel")
        if isinstance(channel, str):
            found.setdefault(channel, []).append(declaration.where)
    return found


def _named(
    channels: Sequence[tuple[Channel, str]], handlers: Sequence[Declaration]
) -> Iterator[tuple[str, str, str | None, object]]:
    """Return each place that names an error channel, what it says of itself, and its channel."""
    for channel, where in channels:
        yield where, f"channel {channel.name!r}: ", channel.name, channel.error_channel
    for one in handlers:
        yield one.where, "", one.options.get("channel"), one.options.get("error_channel")
