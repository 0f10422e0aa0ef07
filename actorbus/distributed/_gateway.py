"""The door to other services: `DistributedBus`, and classes of your own that extend it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self, TypedDict, Unpack

from actorbus._calls import Answer
from actorbus.distributed._service_map import DEFAULT_MAP
from actorbus.distributed._wire import Reach
from actorbus.gateways._way import Receipt, Way
from actorbus.options._options import Seconds


class DistributedOptions(TypedDict, total=False):
    """What a sender may say about a message for another service; see `SendOptions`.

    `media_type` says that the body is encoded already: bytes, or the text of a JSON document, which
    are sent as they are; "application/json" or "application/msgpack", also with `; version=2`.
    Without it the body is plain data, and `content_type` says how it is to be encoded. A second
    message of the same `message_id` is not sent to a service again.
    """

    headers: Mapping[str, str]
    message_id: str
    correlation_id: str
    content_type: str
    media_type: str
    delay: Seconds
    deliver_at: datetime | float
    priority: int
    time_to_live: Seconds


class DistributedGatewayOptions(TypedDict, total=False):
    """What a class that extends `DistributedBus` may be told.

    `service_map` is the name of the map that it sends by. Through `channel`, an outbox, everything
    goes first, in the sender's transaction; this service's own process takes it on from there.
    The others are those of `SendOptions`, for all that is sent.
    """

    service_map: str
    channel: str
    headers: Mapping[str, str]
    content_type: str
    delay: Seconds
    priority: int
    time_to_live: Seconds


GATEWAY_KEYWORDS = frozenset(DistributedGatewayOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is for: a service (None: whoever subscribes), and its key there."""

    reach: Reach
    service: str | None
    key: Any


class DistributedSender(Protocol):
    """What carries out what the gateway is asked."""

    def send(
        self, gateway: "type[DistributedBus]", address: Address, body: Any, options: Any
    ) -> Answer[Receipt]:
        """Send one message to another service, or to those that subscribe."""
        ...


class DistributedDoor(Protocol):
    """Where the gateway finds the running bus."""

    def distributed_sender(self) -> DistributedSender:
        """Return it. Raises BusStateError while the bus does not run."""
        ...


class DistributedBus:
    """Sends commands to other services and publishes events to those that subscribe.

    It is injected by its annotation, or had as `bus.distributed`; `bus.gateway(PartnerBus)` gives
    one of a class of your own: `class PartnerBus(DistributedBus, service_map="partners")`. Within
    a handler, what is sent leaves with the handler's transaction, and never without it.

    Every call returns the `Receipt`, the message's id, when the message is stored on the channel of
    the service (within a handler: at once). What the other service makes of it, its handlers do:
    a command that it does not know becomes a dead letter there. All calls raise MessageRefused
    and its kinds, and StoreUnavailable. If cancelled: stored or not, for all services together.
    """

    service_map: ClassVar[str] = DEFAULT_MAP
    channel: ClassVar[str | None] = None
    options: ClassVar[Mapping[str, Any]] = {}
    ways: ClassVar[Mapping[str, Way]]

    __slots__ = ("_door",)

    def __init_subclass__(cls, **given: Unpack[DistributedGatewayOptions]) -> None:
        super().__init_subclass__()
        options: dict[str, Any] = {**cls.options, **given}
        cls.service_map = options.pop("service_map", cls.service_map)
        cls.channel = options.pop("channel", cls.channel)
        cls.options = options
        cls.ways = _ways(cls)

    def __init__(self, door: DistributedDoor) -> None:
        self._door = door

    @classmethod
    def at(cls, door: DistributedDoor) -> Self:
        """Return this gateway of a bus."""
        return cls(door)

    def __repr__(self) -> str:
        through = "" if self.channel is None else f" through {self.channel!r}"
        return f"<{type(self).__qualname__} by {self.service_map!r}{through}>"

    def send_command(
        self,
        service: str,
        routing_key: str,
        body: Any = None,
        **options: Unpack[DistributedOptions],
    ) -> Answer[Receipt]:
        """Send a command to a service: plain data, or an encoded body with its `media_type`.

        It is handled by the handler of that routing key, or of the type registered under that
        name, if that one is `distributed=True`. Raises UnknownService.
        """
        return self._send(Address("command", service, routing_key), body, options)

    def convert_and_send_command(
        self, service: str, routing_key: str, command: Any, **options: Unpack[DistributedOptions]
    ) -> Answer[Receipt]:
        """Send an object as a command: a dataclass, a model, anything that messages can be."""
        return self._send(Address("command", service, routing_key), command, options)

    def publish_event(
        self, routing_key: str, body: Any = None, **options: Unpack[DistributedOptions]
    ) -> Answer[Receipt]:
        """Publish an event to every service of the map that subscribes to its key.

        There may be none: it is accepted, and counted (`BusHealth.distributed`).
        """
        return self._send(Address("event", None, routing_key), body, options)

    def convert_and_publish_event(
        self, routing_key: str, event: Any, **options: Unpack[DistributedOptions]
    ) -> Answer[Receipt]:
        """Publish an object as an event; see `publish_event`."""
        return self._send(Address("event", None, routing_key), event, options)

    def send_message(
        self,
        service: str,
        endpoint_id: str,
        body: Any = None,
        **options: Unpack[DistributedOptions],
    ) -> Answer[Receipt]:
        """Send a message to one endpoint of a service, by its id; it must be `distributed=True`.

        The handler reads the body as the message that it takes. Raises UnknownService.
        """
        return self._send(Address("message", service, endpoint_id), body, options)

    def _send(self, address: Address, body: Any, options: DistributedOptions) -> Answer[Receipt]:
        return self._door.distributed_sender().send(type(self), address, body, options)


def _ways(gateway: type[DistributedBus]) -> Mapping[str, Way]:
    """Return what interceptors are told of a send: a message is to them a command."""
    command = Way("command", gateway, gateway.channel, {})
    event = Way("event", gateway, gateway.channel, {})
    return {"command": command, "message": command, "event": event}


DistributedBus.ways = _ways(DistributedBus)


def is_distributed(kind: object) -> bool:
    """Return whether this is the gateway to other services, or a class that extends it."""
    return isinstance(kind, type) and issubclass(kind, DistributedBus)
