"""How copies leave: with the transaction of the handler that sends them, or at once."""

from collections.abc import Callable, Sequence

from actorbus._store import Outgoing, Store
from actorbus.outbox._after_commit import AfterCommit
from actorbus.transactions._unit_of_work import UnitOfWork, current_unit_of_work


class Leaving:
    """The way out of all senders of one run of the bus."""

    __slots__ = ("after_commit", "due_in", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.after_commit: AfterCommit | None = None
        """Takes what is not stored; set where a channel is declared `outbox=False`."""
        self.due_in: Callable[[float], None] | None = None
        """Told of delays; set for a store that is polled seldom."""

    def unit_of_work(self) -> UnitOfWork | None:
        """Return the transaction that messages leave with; none if it is of other data."""
        unit = current_unit_of_work.get()
        if unit is None or unit.store is self.store or unit.store.has_data_of(self.store):
            return unit
        return None

    async def leave(self, copies: Sequence[Outgoing], unit: UnitOfWork | None) -> int:
        """Let copies leave with the unit, or now; return how many were new, as far as is known."""
        if self.after_commit is not None:
            copies, produced = self.after_commit.split(copies)
            if produced:
                await self.after_commit.leave(produced, unit)
                return len(produced) + (await self._store(copies, unit) if copies else 0)
        return await self._store(copies, unit)

    async def _store(self, copies: Sequence[Outgoing], unit: UnitOfWork | None) -> int:
        if self.due_in is not None:
            self._tell_delays(copies, self.due_in)
        if unit is None:
            return await self.store.append(copies)
        unit.stage(copies)
        return len(copies)

    def _tell_delays(self, copies: Sequence[Outgoing], due_in: Callable[[float], None]) -> None:
        for copy in copies:
            if copy.deliver_at is not None:
                due_in(copy.deliver_at - self.store.now())
            elif copy.delay:
                due_in(copy.delay)
