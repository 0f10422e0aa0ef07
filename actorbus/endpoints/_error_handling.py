"""Running the handler of an error channel: what it is given, and what becomes of it then."""

from actorbus._errors import UndecodableMessage
from actorbus._settlement import DeadLetter, Forget, SendBack
from actorbus._store import Claimed
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._surroundings import Surroundings
from actorbus.handling._dispatch import Invoke
from actorbus.handling._failed_message import FailedMessage
from actorbus.messages._message import Headers
from actorbus.transactions._unit_of_work import UnitOfWork


class ErrorHandling:
    """Hands failed messages to one error handler."""

    def __init__(self, bus: Surroundings, invoke: Invoke, spec: HandlerSpec) -> None:
        self._bus = bus
        self._invoke = invoke
        self._spec = spec

    async def handle(
        self, claimed: Claimed, headers: Headers, unit: UnitOfWork
    ) -> SendBack | DeadLetter | Forget:
        """Call the handler, and return what it wants to become of the message."""
        failed = await self._bus.store.failed_message(claimed.copy_id)
        if failed is None:
            raise UndecodableMessage(f"nothing is known of where {claimed.copy_id} failed")
        dispatch = self._bus.dispatch
        message = FailedMessage(
            claimed, failed, headers, lambda: dispatch.read_for(failed.endpoint, claimed)
        )
        await self._invoke(self._spec, message, headers, unit)
        return message.settlement(self._bus.store.now())
