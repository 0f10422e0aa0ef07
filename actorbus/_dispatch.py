"""Decode a message, fill in the handler's arguments, call it where it runs."""

from typing import TYPE_CHECKING, Any

from actorbus._handlers import HandlerSpec
from actorbus._message import Headers

if TYPE_CHECKING:
    from actorbus._unit_of_work import UnitOfWork


class Dispatch:
    """Runs handlers. Everything that can be worked out from the spec is, when the bus starts."""

    def decode(self, spec: HandlerSpec, content_type: str, body: bytes) -> Any:
        """Return the message; raises UndecodableMessage, which names the field and its value."""
        raise NotImplementedError

    async def invoke(
        self, spec: HandlerSpec, message: Any, headers: Headers, unit_of_work: "UnitOfWork"
    ) -> Any:
        """Call the handler and return its result.

        The unit of work is the current one meanwhile; it is neither committed nor rolled back
        here. Raises what the handler raises, and HandlerTimeout. If cancelled: an async handler
        was cancelled, a plain one was left to its thread and its transaction is closed to it.
        """
        raise NotImplementedError
