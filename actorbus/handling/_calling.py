"""Run synchronous handlers: in their caller's task, in a transaction or a savepoint, reported."""

from collections.abc import Sequence
from typing import Any, Protocol

from actorbus._errors import SubscribersFailed
from actorbus._store import GroupLost
from actorbus.declaring._handlers import HandlerSpec
from actorbus.gateways._way import Way
from actorbus.handling._dispatch import Dispatch
from actorbus.handling._diverting import diverted, error_handler_for
from actorbus.sending._leaving import Leaving
from actorbus.sending._publish import Prepared, Press, headers_of
from actorbus.transactions._inner_units import InnerUnitOfWork, SnapshotUnitOfWork
from actorbus.transactions._listeners import Hook, Outcome
from actorbus.transactions._unit_of_work import UnitOfWork


class Reports(Protocol):
    """Where the outcomes of synchronous handlers go: to their endpoints' actors."""

    def report(self, spec: HandlerSpec, error: BaseException | None) -> None:
        """Take one outcome; never blocks."""
        ...

    def run_hooks(self, hooks: Sequence[Hook]) -> None:
        """Run `after_commit` functions, in a task of their own."""
        ...


class Calling:
    """Calls synchronous handlers, for one run of the bus."""

    __slots__ = ("_dispatch", "_leave", "_press", "_reports", "_store")

    def __init__(
        self, press: Press, leaving: Leaving, dispatch: Dispatch, reports: Reports
    ) -> None:
        self._press = press
        self._store = leaving.store
        self._leave = leaving.leave
        self._dispatch = dispatch
        self._reports = reports

    async def call_all(
        self,
        prepared: Prepared,
        specs: Sequence[HandlerSpec],
        unit: UnitOfWork | None,
        way: Way,
    ) -> None:
        """Call all subscribers, in declared order. Raises SubscribersFailed when all have run."""
        errors: list[Exception] = []
        failed: list[str] = []
        for spec in specs:
            try:
                await self.call(prepared, spec, unit, way)
            except Exception as error:  # noqa: BLE001  raised below, with the others'
                error.add_note(f"subscriber {spec.endpoint_id} of {prepared.route.type_name}")
                errors.append(error)
                failed.append(spec.endpoint_id)
        if errors:
            raise _group(errors, failed, unit)

    async def call(
        self, prepared: Prepared, spec: HandlerSpec, unit: UnitOfWork | None, way: Way
    ) -> Any:
        """Call one handler, in its caller's transaction or in one of its own, and report it."""
        retry = way.retry or spec.instant_retry
        try:
            if retry is not None:
                result = await retry.run(
                    lambda attempt: self._attempt(prepared, spec, unit, attempt)
                )
            elif unit is None:
                result = await self._in_transaction(prepared, spec, 1)
            else:
                result = await self._inside(prepared, spec, unit, 1)
        except Exception as error:
            self._reports.report(spec, error)
            handler = error_handler_for(way, error, self._press)
            if handler is None:
                raise
            copy = diverted(prepared, spec, handler, error, self._store.now())
            await self._leave([copy], unit)
            return None
        self._reports.report(spec, None)
        return result

    async def ask(self, prepared: Prepared, spec: HandlerSpec, way: Way) -> Any:
        """Call a query's handler, on a snapshot, and report it."""
        retry = way.retry or spec.instant_retry
        try:
            if retry is None:
                answer = await self._answer(prepared, spec, 1)
            else:
                answer = await retry.run(lambda attempt: self._answer(prepared, spec, attempt))
        except Exception as error:
            self._reports.report(spec, error)
            raise
        self._reports.report(spec, None)
        return answer

    async def _answer(self, prepared: Prepared, spec: HandlerSpec, attempt: int) -> Any:
        headers = headers_of(prepared, spec, attempt)
        snapshot = SnapshotUnitOfWork(self._store, spec.endpoint_id, headers)
        try:
            message = self._press.message_for(prepared, spec)
            return await self._dispatch.invoke(spec, message, headers, snapshot)
        finally:
            await snapshot.rollback()

    async def _attempt(
        self, prepared: Prepared, spec: HandlerSpec, unit: UnitOfWork | None, attempt: int
    ) -> Any:
        if unit is None:
            return await self._in_transaction(prepared, spec, attempt)
        return await self._inside(prepared, spec, unit, attempt)

    async def _in_transaction(self, prepared: Prepared, spec: HandlerSpec, attempt: int) -> Any:
        """Run it in a transaction of its own; again, alone, if another one took that with it."""
        try:
            return await self._in_unit(prepared, spec, attempt, alone=False)
        except GroupLost:
            return await self._in_unit(prepared, spec, attempt, alone=True)

    async def _in_unit(
        self, prepared: Prepared, spec: HandlerSpec, attempt: int, *, alone: bool
    ) -> Any:
        headers = headers_of(prepared, spec, attempt)
        unit = UnitOfWork(
            self._store,
            spec.endpoint_id,
            headers,
            alone=alone,
            run_hooks=self._reports.run_hooks,
        )
        outcome = Outcome()
        try:
            if not await self._first_time(prepared, spec, unit):
                return None
            message = self._press.message_for(prepared, spec)
            result = await self._dispatch.invoke(spec, message, headers, unit)
            await unit.commit(outcome)
        finally:
            if not unit.ended:
                await unit.rollback()
        await outcome.wait()
        return result

    async def _inside(
        self, prepared: Prepared, spec: HandlerSpec, outer: UnitOfWork, attempt: int
    ) -> Any:
        headers = headers_of(prepared, spec, attempt)
        unit = InnerUnitOfWork(outer, spec.endpoint_id, headers)
        try:
            if not await self._first_time(prepared, spec, unit):
                return None
            message = self._press.message_for(prepared, spec)
            result = await self._dispatch.invoke(spec, message, headers, unit)
            await unit.merge()
        finally:
            await unit.rollback()
        return result

    async def _first_time(self, prepared: Prepared, spec: HandlerSpec, unit: UnitOfWork) -> bool:
        """Note the message's key in the handler's transaction; False if it was noted before."""
        key = self._press.deduplication_key(prepared, spec)
        return key is None or await (await unit.turn()).remember(spec.endpoint_id, key)


def _group(
    errors: Sequence[Exception], endpoints: Sequence[str], unit: UnitOfWork | None
) -> SubscribersFailed:
    group = SubscribersFailed(f"subscribers failed: {', '.join(endpoints)}", errors)
    group.endpoints = tuple(endpoints)
    if unit is not None:
        unit.fail(group)
    return group
