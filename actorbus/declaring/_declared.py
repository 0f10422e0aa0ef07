"""Everything that a program told a bus before it runs, with its places, unchecked."""

from copy import copy
from dataclasses import dataclass, field, fields

from actorbus._errors import Problem
from actorbus.configuration._message_checks import DeclaredConverter, NamedType
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import Declaration
from actorbus.declaring._routed_channel import Routing
from actorbus.declaring._services import Services
from actorbus.distributed._distribution import DeclaredDistribution
from actorbus.gateways._gateway import Gateway
from actorbus.interceptors._declared import Interceptors
from actorbus.messages._options import MessageOptions
from actorbus.messages._versions import Upcaster


@dataclass(slots=True)
class Declared:
    """Everything that the program told the bus, in its order, unchecked."""

    bus: str
    handlers: list[Declaration] = field(default_factory=list)
    error_handlers: list[Declaration] = field(default_factory=list)
    channels: list[tuple[Channel, str]] = field(default_factory=list)
    routings: list[tuple[Routing, str]] = field(default_factory=list)
    types: list[NamedType] = field(default_factory=list)
    services: Services = field(default_factory=Services)
    gateways: dict[type[Gateway], str] = field(default_factory=dict)
    interfaces: dict[type, str] = field(default_factory=dict)
    upcasters: list[Upcaster] = field(default_factory=list)
    converters: list[DeclaredConverter] = field(default_factory=list)
    messages: MessageOptions = field(default_factory=MessageOptions)
    problems: list[Problem] = field(default_factory=list)
    interceptors: Interceptors = field(default_factory=Interceptors)
    own_channels: list[str] = field(default_factory=list)
    own_outboxes: list[Channel] = field(default_factory=list)
    distribution: DeclaredDistribution = field(default_factory=DeclaredDistribution)

    def copied(self) -> "Declared":
        """Return a copy: what is added to it is not added to this one."""
        same = {one.name: copy(getattr(self, one.name)) for one in fields(self)}
        interceptors = Interceptors(
            list(self.interceptors.declared), dict(self.interceptors.unused)
        )
        return Declared(**same | {"interceptors": interceptors})
