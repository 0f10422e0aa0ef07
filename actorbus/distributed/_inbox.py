"""What arrives at a service: whom it is for is found here, in one transaction with its copies.

Rules:
 1. Only handlers that are `distributed=True` are reachable. A command that none of them takes is
    this service's dead letter, which names its key and its sender; an event is accepted.
 2. Each handler gets a copy of its own, as if it had been sent here: with its own channel, options,
    attempts and dead letter. A handler without a channel gets it on the inbox's.
 3. What only another process of this service takes, a newer one, is left to that.
 4. What fails for one handler only (a body that it cannot read, a tenant rule) fails at that
    handler's endpoint, on the inbox's channel: the others' copies are on their way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from actorbus._errors import PermanentError
from actorbus._store import Claimed, Outgoing, Store
from actorbus.configuration._configuration import Configuration
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._distribution import Relay
from actorbus.distributed._elsewhere import reached_elsewhere
from actorbus.distributed._wire import REACH, SOURCE, inbox_endpoint
from actorbus.messages._decoding import Decoding
from actorbus.messages._message import Envelope, Headers, headers_to_text, new_id
from actorbus.messages._types import did_you_mean
from actorbus.options._timing import Timing
from actorbus.sending._publish import Prepared, Press
from actorbus.sending._routing import MOST_KEYS, Route, handlers_of, kinds_of
from actorbus.transactions._unit_of_work import UnitOfWork


class UnreachableHandler(PermanentError):
    """Another service sent what no handler here takes, or none that is `distributed=True`."""


class Inbox:
    """One service's inbox; it is called like a handler, with the message as it is stored."""

    def __init__(
        self,
        configuration: Configuration,
        decoding: Decoding,
        press: Press,
        store: Store,
        counts: DistributedCounts,
    ) -> None:
        self._configuration = configuration
        self._decoding = decoding
        self._press = press
        self._store = store
        self._counts = counts
        reachable = configuration.distribution.reachable
        commands = [spec for spec in reachable if spec.kind == "command"]
        self._commands = {spec.type_name: spec for spec in commands}
        self._endpoints = {
            name: spec for spec in reachable for name in (spec.endpoint_id, *spec.aliases)
        }
        self._events = [spec for spec in reachable if spec.kind == "event"]
        self._kinds = kinds_of(configuration.handlers)
        self._subscribers = lru_cache(MOST_KEYS)(self._subscribers_of)

    async def run(self, claimed: Claimed, headers: Headers, unit: UnitOfWork) -> None:
        """Stage a copy for each handler that the message is for. Raises UnreachableHandler."""
        if claimed.unread_bytes:
            raise self._decoding.refusal(claimed.type_name, claimed.unread_bytes)
        try:
            specs = self._handlers(claimed, headers)
        except UnreachableHandler:
            if await self._left_to_others(claimed, headers, unit):
                return
            self._counts.unreachable += 1
            raise
        self._counts.received += 1
        self._counts.unheard += not specs
        if specs:
            unit.stage([self._copy(claimed, headers, spec) for spec in specs])

    async def _left_to_others(self, claimed: Claimed, headers: Headers, unit: UnitOfWork) -> bool:
        """Address the message to an endpoint that only another process of this service has."""
        others = await self._store.processes()
        reach: Any = headers.get(REACH)
        service, name = self._configuration.distribution.service, claimed.type_name
        found = reached_elsewhere(others, service, claimed.channel, reach, name)
        if found is None:
            return False
        self._counts.received += 1
        name = name if reach == "command" else found.key
        unit.stage([self._as_it_is(claimed, _envelope(claimed, headers, name), found.endpoint)])
        return True

    # -- whom it is for ---------------------------------------------------------------------

    def _handlers(self, claimed: Claimed, headers: Headers) -> Sequence[HandlerSpec]:
        match headers.get(REACH):
            case "command":
                return self._of_command(claimed, headers)
            case "event":
                return self._subscribers(claimed.type_name)
            case "message":
                return self._of_endpoint(claimed, headers)
            case other:
                raise UnreachableHandler(
                    f"{claimed.type_name!r}, sent by {_sender(headers)}, does not say what it is"
                    f" for: its header {REACH!r} is {other!r}"
                )

    def _of_command(self, claimed: Claimed, headers: Headers) -> Sequence[HandlerSpec]:
        key = self._configuration.types.resolve(claimed.type_name)
        spec = self._commands.get(key)
        if spec is not None:
            return (spec,)
        own = [spec for spec in self._configuration.handlers if spec.type_name == key]
        raise UnreachableHandler(
            f"no handler takes the command {claimed.type_name!r}, sent by {_sender(headers)}"
            f"{_why(own, 'command')}{did_you_mean(claimed.type_name, self._commands)}"
        )

    def _of_endpoint(self, claimed: Claimed, headers: Headers) -> Sequence[HandlerSpec]:
        wanted = claimed.type_name
        spec = self._endpoints.get(wanted)
        if spec is not None:
            return (spec,)
        own = [spec for spec in self._configuration.handlers if spec.endpoint_id == wanted]
        known = [spec.endpoint_id for spec in self._endpoints.values()]
        raise UnreachableHandler(
            f"no endpoint {wanted!r} takes the message, sent by {_sender(headers)}"
            f"{_why(own, None)}{did_you_mean(wanted, known)}"
        )

    def _subscribers_of(self, type_name: str) -> Sequence[HandlerSpec]:
        types = self._configuration.types
        name = types.resolve(type_name)
        registered = types.type_of(name) if name in types else None
        return handlers_of(name, registered, self._events, self._kinds)

    # -- the copies -------------------------------------------------------------------------

    def _copy(self, claimed: Claimed, headers: Headers, spec: HandlerSpec) -> Outgoing:
        name = spec.type_name if headers[REACH] == "message" else claimed.type_name
        envelope = _envelope(claimed, headers, name)
        try:
            message = self._decoding.read(spec, name, claimed.content_type, claimed.body)
            prepared = self._prepared(claimed, envelope, message)
            return self._press.copy(prepared, spec, spec.channel or claimed.channel)
        except Exception:  # noqa: BLE001  it fails again at the endpoint, where it is judged
            return self._as_it_is(claimed, envelope, spec.endpoint_id)

    def _prepared(self, claimed: Claimed, envelope: Envelope, message: Any) -> Prepared:
        life = _life_left(claimed, self._store.now())
        return Prepared(
            route=Route("event", envelope.type_name, (), {}, {}, None),
            message=message,
            envelope=envelope,
            headers_text=headers_to_text(envelope.headers),
            timing=Timing(priority=claimed.priority or None, time_to_live=life),
            explicit_id=claimed.message_id if claimed.deduplication_key else None,
        )

    def _as_it_is(self, claimed: Claimed, envelope: Envelope, endpoint: str) -> Outgoing:
        return Outgoing(
            copy_id=new_id(),
            channel=claimed.channel,
            endpoint=endpoint,
            message_id=envelope.message_id,
            type_name=envelope.type_name,
            content_type=envelope.content_type,
            headers=headers_to_text(envelope.headers),
            body=envelope.body,
            correlation_id=envelope.correlation_id,
            causation_id=envelope.causation_id or None,
            timestamp=envelope.timestamp,
            priority=claimed.priority,
            time_to_live=_life_left(claimed, self._store.now()),
        )


class Forwarding:
    """A relay: takes what one service is sent out of an outbox, to that service's channel."""

    def __init__(self, relay: Relay, now: Callable[[], float]) -> None:
        self._relay = relay
        self._now = now

    async def run(self, claimed: Claimed, headers: Headers, unit: UnitOfWork) -> None:
        """Stage the copy; it keeps its ids, headers, priority and the end of its life."""
        copy = Outgoing(
            copy_id=new_id(),
            channel=self._relay.target,
            endpoint=inbox_endpoint(self._relay.service),
            message_id=claimed.message_id,
            type_name=claimed.type_name,
            content_type=claimed.content_type,
            headers=claimed.headers,
            body=claimed.body,
            correlation_id=claimed.correlation_id,
            causation_id=claimed.causation_id,
            timestamp=claimed.timestamp,
            priority=claimed.priority,
            time_to_live=_life_left(claimed, self._now()),
            deduplication_key=claimed.deduplication_key,
        )
        unit.stage([copy])


def own_endpoints(
    configuration: Configuration,
    decoding: Decoding,
    press: Press,
    store: Store,
    counts: DistributedCounts,
) -> Mapping[str, Inbox | Forwarding]:
    """Return the endpoints that a bus has for other services' sake, by id."""
    distribution = configuration.distribution
    own: dict[str, Inbox | Forwarding] = {
        relay.endpoint_id: Forwarding(relay, store.now) for relay in distribution.relays()
    }
    if distribution.inboxes:
        inbox = Inbox(configuration, decoding, press, store, counts)
        own[distribution.endpoint_id] = inbox
    return own


def _envelope(claimed: Claimed, headers: Headers, type_name: str) -> Envelope:
    """Return a message as the handlers here get it: without the header of whom it is for."""
    return Envelope(
        message_id=claimed.message_id,
        type_name=type_name,
        content_type=claimed.content_type,
        body=claimed.body,
        headers={name: value for name, value in headers.user.items() if name != REACH},
        correlation_id=claimed.correlation_id,
        causation_id=claimed.causation_id or "",
        timestamp=claimed.timestamp,
    )


def _life_left(claimed: Claimed, now: float) -> float | None:
    return None if claimed.expires_at is None else claimed.expires_at - now


def _sender(headers: Headers) -> str:
    source = headers.get(SOURCE)
    return "an unnamed service" if source is None else f"service {source!r}"


def _why(own: Iterable[HandlerSpec], kind: Kind | None) -> str:
    """Say of handlers that are here why they cannot be reached."""
    for spec in own:
        if kind is not None and spec.kind != kind:
            return f": it is handled as {spec.kind} by {spec.endpoint_id}"
        return f": {spec.endpoint_id} is not distributed=True"
    return ""
