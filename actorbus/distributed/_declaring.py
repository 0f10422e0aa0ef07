"""The part of an ActorBus that other services are declared on."""

from abc import abstractmethod
from typing import Any, Unpack, overload

from actorbus._errors import Problem
from actorbus.declaring._channel import Channel, ChannelOptions
from actorbus.declaring._handlers import caller, caller_place
from actorbus.declaring._part import Part
from actorbus.distributed._service_map import ServiceMap


class Distributing(Part):
    """Service maps and inboxes. The service's name is the bus's."""

    def add_service_map(self, service_map: ServiceMap) -> None:
        """Say where other services are, for `bus.distributed` and the classes that extend it.

        The channels that it names are declared with `add_channel`, like any other; this bus sends
        through them and does not consume them.
        """
        self._refuse_while_running("add a service map")
        where = caller_place(caller())
        if isinstance(service_map, ServiceMap):
            self._declared.distribution.maps.append((service_map, where))
        else:
            text = f"add_service_map({service_map!r}): give a ServiceMap(...)"
            self._declared.problems.append(Problem(where, text))

    @overload
    def add_inbox(self, channel: str, /, **options: Unpack[ChannelOptions]) -> None: ...
    @overload
    def add_inbox(self, channel: Channel, /) -> None: ...
    def add_inbox(self, channel: str | Channel, /, **options: Any) -> None:
        """Declare a channel that other services reach this one through; like `add_channel`.

        What arrives goes to the handlers that are `distributed=True`: each gets a copy of its own,
        on its channel, or on this one if it has none.
        """
        self._refuse_while_running("add an inbox")
        where = caller_place(caller())
        self._add_channel(channel, options, where)
        name = channel if isinstance(channel, str) else channel.name
        self._declared.distribution.inboxes.append((name, where))

    @abstractmethod
    def _add_channel(self, channel: str | Channel, options: dict[str, Any], where: str) -> None: ...
