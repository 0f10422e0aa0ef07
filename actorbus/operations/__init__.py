"""Health, statistics and snapshots of a running bus."""

from actorbus.operations._health import BrokerHealth as BrokerHealth
from actorbus.operations._health import BusHealth as BusHealth
from actorbus.operations._health import ChannelHealth as ChannelHealth
from actorbus.operations._health import Condition as Condition
from actorbus.operations._health import EndpointHealth as EndpointHealth
from actorbus.operations._health import SynchronousHealth as SynchronousHealth

__all__ = [
    "BrokerHealth",
    "BusHealth",
    "ChannelHealth",
    "Condition",
    "EndpointHealth",
    "SynchronousHealth",
]
