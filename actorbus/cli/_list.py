"""`actorbus list`: what the application declares, and what is stored for it."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import trio

from actorbus import ActorBus, GatewayListing, Pause
from actorbus._store import ParkedFilter, ParkedMessages, QueueStatistics, Remembered
from actorbus.cli import _list_services
from actorbus.cli._arguments import App, AsJson, Traceback
from actorbus.cli._durations import readable
from actorbus.cli._output import Output, reported
from actorbus.cli._target import RUN_MAKES_IT, load
from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.distributed._distribution import Distribution
from actorbus.operations._brokers import Answer, ask_brokers
from actorbus.operations._stranded import Contested, Stranded, contested, stranded
from actorbus.outbox._outboxes import Relay

COUNTS = ("ready", "waiting", "claimed", "held", "parked", "dead", "expired")


@dataclass(frozen=True, slots=True)
class Survey:
    """What `list` shows."""

    channels: Sequence[Channel]
    gateways: Sequence[GatewayListing]
    handlers: Sequence[HandlerSpec]
    distribution: Distribution
    relays: Sequence[Relay]
    queues: Sequence[QueueStatistics] = ()
    stranded: Sequence[Stranded] = ()
    contested: Sequence[Contested] = ()
    parked: Sequence[ParkedMessages] = ()
    pauses: Sequence[Pause] = ()
    remembered: Remembered | None = None
    now: float = 0.0
    brokers: Sequence[Answer] = ()


def list_command(app: App, *, as_json: AsJson = False, traceback: Traceback = False) -> None:
    """Show channels and endpoints, and how much is stored for each."""
    with reported(as_json=as_json, show_traceback=traceback) as output:
        bus = load(app)
        missing = bus.missing_store()
        if missing is None:
            survey = trio.run(_survey, bus)
        else:
            configuration = bus.check()
            survey = Survey(
                bus.channels,
                _own(bus),
                bus.handlers,
                configuration.distribution,
                configuration.outboxes.relays,
            )
            output.note(f"no store yet: {missing}; {RUN_MAKES_IT}")
        if as_json:
            output.document(_document(survey))
        else:
            _show(output, survey)


async def _survey(bus: ActorBus) -> Survey:
    async with bus.looking():
        queues = await bus.store.statistics()
        others = [row for row in await bus.processes() if row.pid != os.getpid()]
        configuration = bus.check()
        return Survey(
            bus.channels,
            _own(bus),
            bus.handlers,
            configuration.distribution,
            configuration.outboxes.relays,
            queues,
            [*stranded(queues, others)],
            [*contested(others)],
            await bus.store.parked(ParkedFilter()),
            await bus.pauses(),
            await bus.store.remembered(),
            bus.store.now(),
            await ask_brokers(bus.channels, bus.name),
        )


def _own(bus: ActorBus) -> list[GatewayListing]:
    """Return the application's gateways to its own handlers; those of every bus are left out."""
    return [one for one in bus.gateways() if one.where and one.kind != "distributed"]


def _document(survey: Survey) -> dict[str, Any]:
    return {
        "channels": [{"name": channel.name, "kind": _kind(channel)} for channel in survey.channels],
        "gateways": [asdict(gateway) for gateway in survey.gateways],
        "endpoints": [
            {**_endpoint(spec), **_totals(_of(survey.queues, spec))} for spec in survey.handlers
        ],
        "outboxes": [
            {"outbox": one.outbox, "broker": one.broker, **_totals(_relayed(survey, one))}
            for one in survey.relays
        ],
        "brokers": [_broker(one) for one in survey.brokers],
        "distributed": _list_services.document(survey.distribution, survey.queues, COUNTS),
        "unknown": [msgspec.to_builtins(queue) for queue in _unknown(survey)],
        "parked": [msgspec.to_builtins(one) for one in survey.parked],
        "stranded": [
            {**msgspec.to_builtins(one.queue), "reason": one.reason} for one in survey.stranded
        ],
        "contested": [asdict(one) for one in survey.contested],
        "pauses": [asdict(pause) for pause in survey.pauses],
        "deduplication": survey.remembered and asdict(survey.remembered),
    }


def _broker(answer: Answer) -> dict[str, Any]:
    state = answer.state
    return {
        "channel": answer.channel.name,
        "topic": answer.channel.topic_name,
        "group": answer.group,
        "partitions": None if state is None else state.partitions,
        "left": None if state is None else state.lag,
        "trouble": None if answer.error is None else repr(answer.error),
    }


def _endpoint(spec: HandlerSpec) -> dict[str, Any]:
    return {
        "endpoint": spec.endpoint_id,
        "kind": spec.kind,
        "distributed": spec.distributed,
        "type": spec.type_name,
        "channel": spec.channel,
        "where": spec.where,
    }


def _show(output: Output, survey: Survey) -> None:
    _show_declared(output, survey)
    if survey.relays:
        output.table(
            "outboxes, relayed to brokers",
            ("outbox", "broker", *COUNTS),
            (
                (one.outbox, one.broker, *_totals(_relayed(survey, one)).values())
                for one in survey.relays
            ),
            right=len(COUNTS),
        )
    if survey.brokers:
        output.table(
            "topics, from which channels are consumed",
            ("channel", "topic", "group", "partitions", "not consumed", "trouble"),
            (tuple(_broker(one).values()) for one in survey.brokers),
        )
    _list_services.show(output, survey.distribution, survey.queues, COUNTS)
    _show_stored(output, survey)
    _show_held_back(output, survey)
    _show_mistaken(output, survey)


def _show_declared(output: Output, survey: Survey) -> None:
    output.table(
        "channels",
        ("channel", "kind", "concurrency", "attempts"),
        ((c.name, _kind(c), c.concurrency, c.retry.attempts) for c in survey.channels),
        right=2,
    )
    if survey.gateways:
        output.table(
            "gateways",
            ("gateway", "kind", "channel", "options"),
            (_gateway_row(gateway) for gateway in survey.gateways),
        )
    output.table(
        "endpoints",
        ("endpoint", "kind", "message", "channel", *COUNTS),
        (_row(spec, _of(survey.queues, spec)) for spec in survey.handlers),
        right=len(COUNTS),
    )


def _show_stored(output: Output, survey: Survey) -> None:
    unknown = _unknown(survey)
    if unknown:
        output.table(
            "stored for endpoints that this application does not have",
            ("endpoint", "channel", "tenant", *COUNTS),
            ((q.endpoint, q.channel, q.tenant, *_totals([q]).values()) for q in unknown),
            right=len(COUNTS),
        )
    remembered = survey.remembered
    if remembered is not None and remembered.oldest_at is not None:
        age = readable(survey.now - remembered.oldest_at)
        output.table(
            "deduplication keys that are remembered",
            ("sent", "handled", "oldest"),
            [(remembered.sent, remembered.handled, age)],
        )


def _show_held_back(output: Output, survey: Survey) -> None:
    if survey.pauses:
        output.table(
            "paused",
            ("channel", "endpoint", "how long", "reason"),
            (_pause_row(pause, survey.now) for pause in survey.pauses),
        )
    if survey.parked:
        output.table(
            "parked, until somebody or something lets them go on",
            ("endpoint", "channel", "tenant", "reason", "messages"),
            ((p.endpoint, p.channel, p.tenant, p.reason, p.count) for p in survey.parked),
            right=1,
        )


def _show_mistaken(output: Output, survey: Survey) -> None:
    if survey.stranded:
        output.table(
            "stored, and taken by nobody",
            ("endpoint", "channel", "tenant", "reason", *COUNTS),
            (_stranded_row(one) for one in survey.stranded),
            right=len(COUNTS),
        )
    if survey.contested:
        output.table(
            "taken by several services, which is a mistake: give the handlers endpoint_id=",
            ("endpoint", "channel", "services"),
            ((one.endpoint, one.channel, ", ".join(one.buses)) for one in survey.contested),
        )


def _pause_row(pause: Pause, now: float) -> Sequence[object]:
    left = "until it is resumed" if pause.until is None else f"for {readable(pause.until - now)}"
    return (pause.channel, pause.endpoint or "(all)", left, pause.reason)


def _stranded_row(one: Stranded) -> Sequence[object]:
    queue = one.queue
    return (queue.endpoint, queue.channel, queue.tenant, one.reason, *_totals([queue]).values())


def _row(spec: HandlerSpec, queues: Sequence[QueueStatistics]) -> Sequence[object]:
    where = spec.channel or ("(the inbox)" if spec.distributed else _without_channel(queues))
    counts = (
        _totals(queues).values()
        if spec.channel or spec.distributed or queues
        else ("",) * len(COUNTS)
    )
    return (spec.endpoint_id, spec.kind, spec.type_name, where, *counts)


def _without_channel(queues: Sequence[QueueStatistics]) -> str:
    """Say where messages of a handler without a channel are: gateways have brought them there."""
    return ", ".join(["(synchronous)", *sorted({queue.channel for queue in queues})])


def _gateway_row(gateway: GatewayListing) -> Sequence[object]:
    options = ", ".join(f"{name}={value}" for name, value in gateway.options.items())
    return (gateway.name, gateway.kind, gateway.channel or "(at once)", options)


def _kind(channel: Channel) -> str:
    if isinstance(channel, BrokerChannel):
        return "broker" if channel.outbox else "broker, at most once from commit to broker"
    return "dynamic" if channel.dynamic else "store"


def _relayed(survey: Survey, relay: Relay) -> list[QueueStatistics]:
    """Return the queue of what waits to be relayed."""
    key = relay.outbox, relay.endpoint_id
    return [queue for queue in survey.queues if (queue.channel, queue.endpoint) == key]


def _of(queues: Iterable[QueueStatistics], spec: HandlerSpec) -> list[QueueStatistics]:
    names = {spec.endpoint_id, *spec.aliases}
    return [queue for queue in queues if queue.endpoint in names]


def _totals(queues: Iterable[QueueStatistics]) -> dict[str, int]:
    queues = list(queues)
    return {count: sum(getattr(queue, count) for queue in queues) for count in COUNTS}


def _unknown(survey: Survey) -> list[QueueStatistics]:
    known = {name for spec in survey.handlers for name in (spec.endpoint_id, *spec.aliases)}
    known |= survey.distribution.endpoint_ids()
    known |= {relay.endpoint_id for relay in survey.relays}
    return [queue for queue in survey.queues if queue.endpoint not in known]
