"""How a gateway sends, as data: worked out once for a gateway's class, and passed to the sender."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from actorbus.declaring._handlers import Kind
from actorbus.options._instant_retry import InstantRetry
from actorbus.options._options import SendOptions
from supervisors import Retry


class Receipt(str):
    """The id of a message that was accepted; on a channel it is handled later."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The kind, the channel and the options of everything that goes through one gateway.

    `gateway` is the class that users know it by. `options` are send options, which a call's own
    come before. `retry` is for the handlers that are called synchronously, `later` for those that
    are called later; `error_channel` is where goes what fails for good, and `on_failure` both as
    they travel with a message. `deduplicate` makes keys of messages, each of which is sent once.
    """

    kind: Kind
    gateway: type
    channel: str | None
    options: Mapping[str, Any]
    retry: InstantRetry | None = None
    deduplicate: Callable[..., object] | None = None
    later: Retry | None = None
    error_channel: str | None = None
    on_failure: str | None = None

    def merged(self, given: SendOptions) -> SendOptions:
        """Return a call's options with the gateway's behind them."""
        if not self.options:
            return given
        defaults = dict(self.options)
        if "deliver_at" in given:
            defaults.pop("delay", None)
        return cast("SendOptions", {**defaults, **given})
