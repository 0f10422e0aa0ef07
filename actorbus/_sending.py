"""Carry out what the gateways are asked: run synchronous handlers, store copies for the others."""

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from actorbus._calls import Answer, Call, Done, Worlds
from actorbus._dispatch import Dispatch
from actorbus._errors import InvalidSendOption, SubscribersFailed
from actorbus._gateway import Letter
from actorbus._handlers import HandlerSpec, Kind
from actorbus._inner_units import InnerUnitOfWork, SnapshotUnitOfWork
from actorbus._listeners import Hook, Outcome
from actorbus._options import NO_TIMING, SendOptions
from actorbus._publish import Prepared, Press, headers_of
from actorbus._store import GroupLost, Outgoing, Store
from actorbus._unit_of_work import UnitOfWork, current_unit_of_work
from actorbus._way import Receipt, Way
from actorbus.interceptors._chain import Chains
from actorbus.interceptors._gates import Deliver, Gates

T = TypeVar("T")


class Reports(Protocol):
    """Where the outcomes of synchronous handlers go: to their endpoints' actors."""

    def report(self, spec: HandlerSpec, error: BaseException | None) -> None:
        """Take one outcome; never blocks."""
        ...

    def run_hooks(self, hooks: Sequence[Hook]) -> None:
        """Run `after_commit` functions, in a task of their own."""
        ...


class BusSender:
    """The gateways' other side, for one run of the bus."""

    __slots__ = ("_dispatch", "_gates", "_press", "_reports", "_store", "_ways", "_worlds")

    def __init__(
        self, press: Press, store: Store, dispatch: Dispatch, worlds: Worlds, reports: Reports
    ) -> None:
        self._press = press
        self._store = store
        self._dispatch = dispatch
        self._worlds = worlds
        self._reports = reports
        self._ways: Mapping[Kind, Deliver] = {
            "command": self._send_command,
            "event": self._publish,
            "query": self._ask,
        }
        self._gates: Gates | None = None

    def intercept(self, chains: Chains) -> None:
        """Send everything through the interceptors of its gateway, if there are any."""
        if chains.watch_gateways:
            self._gates = Gates(chains, self._press.routes, self._ways)
            self._ways = dict.fromkeys(self._ways, self._gates.send)

    def send(self, way: Way, message: Any, options: SendOptions) -> Answer[Any]:
        """Send one message, as its kind and its handlers want it."""
        unit = self._unit_of_work()
        return self._worlds.call(unit, self._ways[way.kind], unit, way, message, options)

    def _unit_of_work(self) -> UnitOfWork | None:
        """Return the transaction that messages leave with; none if it is of other data."""
        unit = current_unit_of_work.get()
        if unit is None or unit.store is self._store or unit.store.has_data_of(self._store):
            return unit
        return None

    # -- one message ------------------------------------------------------------------------

    async def _send_command(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        prepared = self._prepare(way, message, options, unit)
        spec = prepared.route.handlers[0]
        target = spec.channel or way.channel
        if target is None:
            if prepared.timing is not NO_TIMING:
                _refuse_timing(prepared, spec)
            return await self._call(prepared, spec, unit)
        await self._leave([self._press.copy(prepared, spec, target)], unit)
        return Receipt(prepared.envelope.message_id)

    async def _publish(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Receipt:
        prepared = self._prepare(way, message, options, unit)
        copies, synchronous = self._fan_out(prepared, way)
        if copies:
            await self._leave(copies, unit)
        if synchronous:
            await self._call_all(prepared, synchronous, unit)
        return Receipt(prepared.envelope.message_id)

    async def _ask(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        prepared = self._prepare(way, message, options, unit)
        spec = prepared.route.handlers[0]
        headers = headers_of(prepared, spec)
        snapshot = SnapshotUnitOfWork(self._store, spec.endpoint_id, headers)
        try:
            message = self._press.message_for(prepared, spec)
            answer = await self._dispatch.invoke(spec, message, headers, snapshot)
        except Exception as error:
            self._reports.report(spec, error)
            raise
        finally:
            await snapshot.rollback()
        self._reports.report(spec, None)
        return answer

    def _prepare(
        self, way: Way, message: Any, options: SendOptions, unit: UnitOfWork | None
    ) -> Prepared:
        if unit is not None:
            unit.check_open()
        # Headers are passed on to another bus too, whose messages leave without this transaction.
        handled = current_unit_of_work.get() if unit is None else unit
        parent = None if handled is None else handled.headers
        return self._press.prepare(way.kind, message, way.merged(options), parent)

    def _fan_out(self, prepared: Prepared, way: Way) -> tuple[list[Outgoing], list[HandlerSpec]]:
        """Return the copies for asynchronous subscribers, and the synchronous subscribers."""
        copies: list[Outgoing] = []
        synchronous: list[HandlerSpec] = []
        for spec in prepared.route.handlers:
            target = spec.channel or way.channel
            if target is None:
                _refuse_timing(prepared, spec)
                synchronous.append(spec)
            else:
                copies.append(self._press.copy(prepared, spec, target))
        return copies, synchronous

    async def _leave(self, copies: Sequence[Outgoing], unit: UnitOfWork | None) -> int:
        """Let copies leave with the unit, or now; return how many were new, as far as is known."""
        if unit is None:
            return await self._store.append(copies)
        unit.stage(copies)
        return len(copies)

    # -- synchronous handlers ---------------------------------------------------------------

    async def _call_all(
        self, prepared: Prepared, specs: Sequence[HandlerSpec], unit: UnitOfWork | None
    ) -> None:
        errors: list[Exception] = []
        failed: list[str] = []
        for spec in specs:
            try:
                await self._call(prepared, spec, unit)
            except Exception as error:  # noqa: BLE001  raised below, with the others'
                error.add_note(f"subscriber {spec.endpoint_id} of {prepared.route.type_name}")
                errors.append(error)
                failed.append(spec.endpoint_id)
        if errors:
            raise _group(errors, failed, unit)

    async def _call(self, prepared: Prepared, spec: HandlerSpec, unit: UnitOfWork | None) -> Any:
        """Run one handler, in its caller's transaction or in one of its own, and report it."""
        try:
            if unit is None:
                result = await self._in_transaction(prepared, spec)
            else:
                result = await self._inside(prepared, spec, unit)
        except Exception as error:
            self._reports.report(spec, error)
            raise
        self._reports.report(spec, None)
        return result

    async def _in_transaction(self, prepared: Prepared, spec: HandlerSpec) -> Any:
        """Run it in a transaction of its own; again, alone, if another one took that with it."""
        try:
            return await self._attempt(prepared, spec, alone=False)
        except GroupLost:
            return await self._attempt(prepared, spec, alone=True)

    async def _attempt(self, prepared: Prepared, spec: HandlerSpec, *, alone: bool) -> Any:
        headers = headers_of(prepared, spec)
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

    async def _inside(self, prepared: Prepared, spec: HandlerSpec, outer: UnitOfWork) -> Any:
        headers = headers_of(prepared, spec)
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

    # -- many messages ----------------------------------------------------------------------

    def send_many(
        self,
        way: Way,
        items: Iterable[Any] | AsyncIterable[Any],
        options: SendOptions,
        batch: int,
    ) -> Answer[int]:
        """Send many; the items are taken where this was called, in batches."""
        if batch < 1:
            raise InvalidSendOption(f"batch={batch!r} is not allowed: give at least 1")
        if "message_id" in options:
            raise InvalidSendOption("message_id= is one message's; give it with Letter(...)")
        many = _Many(self, way, options, self._unit_of_work())
        if self._worlds.blocking():
            return many.on_a_thread(items, batch)
        return Call(many.awaited, (items, batch), many.unit)

    def call_chunk(self, many: "_Many", chunk: Sequence[Any], offset: int) -> Answer[int]:
        """Bring one batch to the trio side."""
        return self._worlds.call(many.unit, self._send_chunk, many, chunk, offset)

    async def _send_chunk(self, many: "_Many", chunk: Sequence[Any], offset: int) -> int:
        copies: list[Outgoing] = []
        calls: list[tuple[Prepared, list[HandlerSpec]]] = []
        sent = 0
        for number, item in enumerate(chunk, offset):
            try:
                if self._gates is None:
                    self._collect(many, *many.opened(item), copies, calls)
                else:
                    sent += await self._pass(self._gates, many, item, copies, calls)
            except Exception as error:
                error.add_note(f"item {number} of send_many; {offset} before it were sent")
                raise
        sent += await self._leave(copies, many.unit) if copies else 0
        for prepared, synchronous in calls:
            if many.way.kind == "event":
                await self._call_all(prepared, synchronous, many.unit)
            else:
                await self._call(prepared, synchronous[0], many.unit)
            sent += len(synchronous)
        return sent

    async def _pass(
        self,
        gates: Gates,
        many: "_Many",
        item: Any,
        copies: list[Outgoing],
        calls: list[tuple[Prepared, list[HandlerSpec]]],
    ) -> int:
        """Collect what the interceptors let through; send alone what they are around."""
        message, options = many.opened(item)
        sending = gates.sending(many.unit, many.way, message, options)
        if sending is None:
            self._collect(many, message, options, copies, calls)
        elif sending.is_wrapped:
            await sending.run()
            return int(not sending.stopped)
        else:
            await sending.begin()
            if not sending.stopped:
                self._collect(many, sending.message, sending.options, copies, calls)
        return 0

    def _collect(
        self,
        many: "_Many",
        message: Any,
        options: SendOptions,
        copies: list[Outgoing],
        calls: list[tuple[Prepared, list[HandlerSpec]]],
    ) -> None:
        prepared = self._prepare(many.way, message, options, many.unit)
        own, synchronous = self._fan_out(prepared, many.way)
        copies += own
        if synchronous:
            calls.append((prepared, synchronous))


class _Many:
    """One `send_many`: its settings, and the loop over its items in the caller's world."""

    __slots__ = ("_sender", "options", "unit", "way")

    def __init__(
        self,
        sender: BusSender,
        way: Way,
        options: SendOptions,
        unit: UnitOfWork | None,
    ) -> None:
        self._sender = sender
        self.way = way
        self.options = options
        self.unit = unit

    def opened(self, item: Any) -> tuple[Any, SendOptions]:
        """Return an item's message, and its options with those of all of them behind."""
        if isinstance(item, Letter):
            return item.message, {**self.options, **item.options}
        return item, self.options

    def on_a_thread(self, items: Iterable[Any] | AsyncIterable[Any], batch: int) -> Answer[int]:
        if isinstance(items, AsyncIterable):
            raise InvalidSendOption("an async iterable cannot be read on a plain thread")
        sent = offset = 0
        for chunk in _chunks(items, batch):
            sent += self._sender.call_chunk(self, chunk, offset).get()
            offset += len(chunk)
        return Done(sent)

    async def awaited(self, items: Iterable[Any] | AsyncIterable[Any], batch: int) -> int:
        sent = offset = 0
        if isinstance(items, AsyncIterable):
            chunk: list[Any] = []
            async for item in items:
                chunk.append(item)
                if len(chunk) == batch:
                    sent += await self._sender.call_chunk(self, chunk, offset)
                    offset, chunk = offset + len(chunk), []
            return sent + await self._sender.call_chunk(self, chunk, offset)
        for part in _chunks(items, batch):
            sent += await self._sender.call_chunk(self, part, offset)
            offset += len(part)
        return sent


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _group(
    errors: Sequence[Exception], endpoints: Sequence[str], unit: UnitOfWork | None
) -> SubscribersFailed:
    group = SubscribersFailed(f"subscribers failed: {', '.join(endpoints)}", errors)
    group.endpoints = tuple(endpoints)
    if unit is not None:
        unit.fail(group)
    return group


def _refuse_timing(prepared: Prepared, spec: HandlerSpec) -> None:
    """Refuse a delay for a handler that runs now, rather than ignore it."""
    wishes = prepared.timing
    for name in ("delay", "deliver_at", "priority", "time_to_live"):
        if getattr(wishes, name) not in {None, 0.0}:
            raise InvalidSendOption(
                f"{name}= needs a channel: {spec.endpoint_id} handles"
                f" {prepared.route.type_name!r} synchronously, at once"
            )
