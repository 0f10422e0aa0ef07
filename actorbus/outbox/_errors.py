"""Why a message is not relayed, if it is not the broker's fault."""

from actorbus._errors import PermanentError


class BodyTooLarge(PermanentError):
    """The body is larger than this process reads; see `ActorBus(max_message_bytes=)`."""

    def __init__(self, type_name: str, size: int) -> None:
        super().__init__(
            f"{type_name}: the body is {size:,} bytes, more than ActorBus(max_message_bytes=)"
            " allows; it was not relayed"
        )
