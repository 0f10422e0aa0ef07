"""Carry out what the gateways are asked: run synchronous handlers, store copies for the others."""

from collections.abc import AsyncIterable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import trio

from actorbus._calls import Answer, Call, Worlds
from actorbus._errors import InvalidSendOption, NoHandler, QueryTimeout
from actorbus._store import Outgoing
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.gateways._gateway import CommandBus, EventBus, Letter, QueryBus
from actorbus.gateways._way import Receipt, Way
from actorbus.handling._calling import Calling, Reports
from actorbus.handling._dispatch import Dispatch
from actorbus.interceptors._chain import Chains
from actorbus.interceptors._gates import Gates
from actorbus.messages._message import Headers
from actorbus.options._handling import Handling
from actorbus.options._options import SendOptions
from actorbus.options._timing import NO_TIMING
from actorbus.sending._asking import Asking, split_timeout
from actorbus.sending._deduplicating import Alone, Deliver, Once
from actorbus.sending._leaving import Leaving
from actorbus.sending._publish import Prepared, Press
from actorbus.sending._send_many import Many
from actorbus.transactions._unit_of_work import UnitOfWork, current_unit_of_work

_GATEWAYS: Mapping[Kind, type] = {"command": CommandBus, "event": EventBus, "query": QueryBus}


class BusSender:
    """The gateways' other side, for one run of the bus."""

    __slots__ = (
        "_calling",
        "_gates",
        "_leave",
        "_once",
        "_press",
        "_unit_of_work",
        "_ways",
        "_worlds",
        "asking",
    )

    def __init__(
        self, press: Press, leaving: Leaving, dispatch: Dispatch, worlds: Worlds, reports: Reports
    ) -> None:
        self._press = press
        self._worlds = worlds
        self._unit_of_work = leaving.unit_of_work
        self._leave = leaving.leave
        self._calling = Calling(press, leaving, dispatch, reports)
        self._ways: Mapping[Kind, Deliver] = {
            "command": self._send_command,
            "event": self._publish,
            "query": self._ask,
        }
        self._gates: Gates | None = None
        self.asking: Asking | None = None
        """Set where a channel carries queries."""
        self._once = Once(leaving.store, self._deliver, reports.run_hooks)

    def intercept(self, chains: Chains) -> None:
        """Send everything through the interceptors of its gateway, if there are any."""
        if chains.watch_gateways:
            self._gates = Gates(chains, self._press.routes)

    def send(self, way: Way, message: Any, options: SendOptions) -> Answer[Any]:
        """Send one message, as its kind and its handlers want it."""
        unit = self._unit_of_work()
        return self._worlds.call(unit, self._way_for(way), unit, way, message, options)

    def _way_for(self, way: Way) -> Deliver:
        """Return what is asked to send: the shortest way that the gateway allows."""
        if self._gates is not None:
            return self._through_gates
        return self._ways[way.kind] if way.deduplicate is None else self._send_once

    async def _through_gates(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        deliver = self._ways[way.kind] if way.deduplicate is None else self._send_once
        if self._gates is not None:
            sending = self._gates.sending(unit, way, message, options, deliver)
            if sending is not None:
                return await sending.run()
        return await deliver(unit, way, message, options)

    async def _send_once(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        _, result = await self._once.send(unit, way, message, options)
        return result

    async def _deliver(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        return await self._ways[way.kind](unit, way, message, options)

    # -- one message ------------------------------------------------------------------------

    async def _send_command(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        prepared = self._prepare(way, message, options, unit)
        spec = prepared.route.handlers[0]
        target = way.channel or spec.channel
        if target is None:
            if _asks_for_a_channel(prepared):
                _refuse_timing(prepared, spec)
            return await self._calling.call(prepared, spec, unit, way)
        await self._leave([self._press.copy(prepared, spec, target, way.on_failure)], unit)
        return Receipt(prepared.envelope.message_id)

    async def _publish(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Receipt:
        prepared = self._prepare(way, message, options, unit)
        copies, synchronous = self._fan_out(prepared, way)
        if copies:
            await self._leave(copies, unit)
        if synchronous:
            await self._calling.call_all(prepared, synchronous, unit, way)
        return Receipt(prepared.envelope.message_id)

    async def _ask(
        self, unit: UnitOfWork | None, way: Way, message: Any, options: SendOptions
    ) -> Any:
        timeout, wishes = split_timeout(way.merged(options))
        prepared = self._press.prepare("query", message, wishes, self._parent(unit))
        spec = prepared.route.handlers[0]
        target = way.channel or spec.channel
        if target is not None and self.asking is not None:
            return await self.asking.ask(prepared, spec, target, unit, timeout)
        if timeout is None:
            return await self._calling.ask(prepared, spec, way)
        with trio.move_on_after(timeout):
            return await self._calling.ask(prepared, spec, way)
        raise QueryTimeout(f"{spec.endpoint_id} did not answer within {timeout:g} s")

    async def send_on(self, channel: str, handlers: Collection[str], message: Any) -> Receipt:
        """Store a message, or a `Letter`, on a channel for those of these handlers that take it.

        Raises NoHandler if none does, and what the gateways raise.
        """
        options: SendOptions = SendOptions()
        if isinstance(message, Letter):
            message, options = message.message, message.options
        route = self._press.routes.any_kind(message, options.get("routing_key"))
        way = Way(route.kind, _GATEWAYS[route.kind], channel, {})
        deliver = partial(self._store_on, handlers)
        if self._gates is not None:
            sending = self._gates.sending(None, way, message, options, deliver)
            if sending is not None:
                return cast("Receipt", await sending.run())
        return await deliver(None, way, message, options)

    async def _store_on(
        self,
        handlers: Collection[str],
        unit: UnitOfWork | None,
        way: Way,
        message: Any,
        options: SendOptions,
    ) -> Receipt:
        prepared = self._prepare(way, message, options, unit)
        takers = [spec for spec in prepared.route.handlers if spec.endpoint_id in handlers]
        if not takers or way.channel is None:
            name = prepared.route.type_name
            raise NoHandler(f"no handler on channel {way.channel!r} takes {name!r}")
        copies = [self._press.copy(prepared, spec, way.channel) for spec in takers]
        await self._leave(copies, unit)
        return Receipt(prepared.envelope.message_id)

    def _prepare(
        self, way: Way, message: Any, options: SendOptions, unit: UnitOfWork | None
    ) -> Prepared:
        return self._press.prepare(way.kind, message, way.merged(options), self._parent(unit))

    def _parent(self, unit: UnitOfWork | None) -> Headers | None:
        """Return the headers of the message being handled."""
        if unit is not None:
            unit.check_open()
        # Headers are passed on to another bus too, whose messages leave without this transaction.
        handled = current_unit_of_work.get() if unit is None else unit
        return None if handled is None else handled.headers

    def _fan_out(self, prepared: Prepared, way: Way) -> tuple[list[Outgoing], list[HandlerSpec]]:
        """Return the copies for asynchronous subscribers, and the synchronous subscribers."""
        copies: list[Outgoing] = []
        synchronous: list[HandlerSpec] = []
        for spec in prepared.route.handlers:
            target = way.channel or spec.channel
            if target is None:
                if _asks_for_a_channel(prepared):
                    _refuse_timing(prepared, spec)
                synchronous.append(spec)
            else:
                copies.append(self._press.copy(prepared, spec, target, way.on_failure))
        return copies, synchronous

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
        many = Many(self._call_chunk, way, options, self._unit_of_work())
        if self._worlds.blocking():
            return many.on_a_thread(items, batch)
        return Call(many.awaited, (items, batch), many.unit)

    def _call_chunk(self, many: Many, chunk: Sequence[Any], offset: int) -> Answer[int]:
        """Bring one batch to the trio side."""
        return self._worlds.call(many.unit, self._send_chunk, many, chunk, offset)

    async def _send_chunk(self, many: Many, chunk: Sequence[Any], offset: int) -> int:
        copies: list[Outgoing] = []
        calls: list[tuple[Prepared, list[HandlerSpec]]] = []
        sent = 0
        for number, item in enumerate(chunk, offset):
            try:
                message, options = many.opened(item)
                if self._gates is None and many.way.deduplicate is None:
                    self._collect(many, message, options, copies, calls)
                else:
                    sent += await self._pass(many, message, options, copies, calls)
            except Exception as error:
                error.add_note(f"item {number} of send_many; {offset} before it were sent")
                raise
        sent += await self._leave(copies, many.unit) if copies else 0
        for prepared, synchronous in calls:
            if many.way.kind == "event":
                await self._calling.call_all(prepared, synchronous, many.unit, many.way)
            else:
                await self._calling.call(prepared, synchronous[0], many.unit, many.way)
            sent += len(synchronous)
        return sent

    async def _pass(
        self,
        many: Many,
        message: Any,
        options: SendOptions,
        copies: list[Outgoing],
        calls: list[tuple[Prepared, list[HandlerSpec]]],
    ) -> int:
        """Collect what the interceptors let through; send alone what has to be."""
        alone = Alone(self._once if many.way.deduplicate is not None else None, self._deliver)
        arguments = (many.unit, many.way, message, options)
        sending = self._gates and self._gates.sending(*arguments, alone)
        if not sending and many.way.deduplicate is not None:
            await alone(*arguments)
        elif not sending:
            self._collect(many, message, options, copies, calls)
        elif sending.is_wrapped or many.way.deduplicate is not None:
            await sending.run()
        else:
            await sending.begin()
            if not sending.stopped:
                self._collect(many, sending.message, sending.options, copies, calls)
        return alone.sent

    def _collect(
        self,
        many: Many,
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


_FOR_CHANNELS = ("delay", "deliver_at", "priority", "time_to_live")


def _asks_for_a_channel(prepared: Prepared) -> bool:
    """Whether anything was said that only a stored message can have; most often nothing was."""
    return (
        prepared.timing is not NO_TIMING
        or prepared.handling is not None
        or prepared.ordering_key is not None
    )


def _refuse_timing(prepared: Prepared, spec: HandlerSpec) -> None:
    """Refuse a delay for a handler that runs now, rather than ignore it."""
    wishes, own = prepared.timing, prepared.handling or Handling()
    given = {name: getattr(wishes, name) for name in _FOR_CHANNELS}
    given |= {"retry": own.retry, "timeout": own.timeout, "ordering_key": prepared.ordering_key}
    for name, value in given.items():
        if value is not None and value != 0:
            raise InvalidSendOption(
                f"{name}= needs a channel: {spec.endpoint_id} handles"
                f" {prepared.route.type_name!r} synchronously, at once"
            )
