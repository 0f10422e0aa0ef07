"""Channels declared `outbox=False`: their messages are produced once the transaction is committed.

Rules:
 1. Within a handler they are produced after its commit, and never if it is undone. What the broker
    does not take then is lost: an event says so, and the log, with the message's id.
 2. Outside of a transaction they are produced at once, and the sender gets the error.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import trio

from actorbus._bus_events import MessageNotProduced
from actorbus._store import Outgoing
from actorbus.outbox._brokers import Brokers
from actorbus.transactions._unit_of_work import UnitOfWork
from actors.events import Event


class AfterCommit:
    """The way out for messages of these channels."""

    def __init__(
        self,
        channels: frozenset[str],
        brokers: Brokers,
        publish: Callable[[Event], None],
        root: str,
    ) -> None:
        self._channels = channels
        self._brokers = brokers
        self._publish = publish
        self._root = root

    def split(self, copies: Sequence[Outgoing]) -> tuple[list[Outgoing], list[Outgoing]]:
        """Return the copies that are stored, and those that are produced."""
        produced = [copy for copy in copies if copy.channel in self._channels]
        if not produced:
            return list(copies), produced
        return [copy for copy in copies if copy.channel not in self._channels], produced

    async def leave(self, copies: Sequence[Outgoing], unit: UnitOfWork | None) -> None:
        """Produce copies, or have them produced after the unit's commit.

        Raises BrokerUnavailable, or what the broker has against one of them, where there is none.
        """
        if unit is not None:
            self._add(copies, unit)
            return
        for channel, some in _by_channel(copies).items():
            for error in await self._brokers.publish(channel, some):
                if error is not None:
                    raise error

    def _add(self, copies: Sequence[Outgoing], unit: UnitOfWork) -> None:
        """Add to what is produced after the commit; one savepoint's apart from another's."""
        unit.check_writes()
        last = unit.hooks[-1] if unit.hooks and not unit.parts else None
        if isinstance(last, partial) and last.func == self.produce:
            last.args[0].extend(copies)
        else:
            unit.after_commit(partial(self.produce, list(copies)))

    async def produce(self, copies: Sequence[Outgoing]) -> None:
        """Produce copies after a commit; what cannot be is told."""
        for channel, some in _by_channel(copies).items():
            try:
                errors = await self._brokers.publish(channel, some)
            except Exception as failed:  # noqa: BLE001  told, for each of them
                errors = [failed] * len(some)
            for copy, error in zip(some, errors, strict=True):
                if error is not None:
                    self._tell(copy, error)

    def _tell(self, copy: Outgoing, error: Exception) -> None:
        path, now = f"{self._root}/channels/{copy.channel}", trio.current_time()
        ids = (copy.endpoint, copy.tenant, copy.copy_id, copy.message_id)
        self._publish(MessageNotProduced(path, now, *ids, copy.channel, error))


def _by_channel(copies: Sequence[Outgoing]) -> Mapping[str, list[Outgoing]]:
    found: dict[str, list[Outgoing]] = {}
    for copy in copies:
        found.setdefault(copy.channel, []).append(copy)
    return found
