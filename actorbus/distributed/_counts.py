"""What passed between this service and others, in this process since the bus was entered."""

from dataclasses import dataclass


@dataclass(slots=True)
class DistributedCounts:
    """Plain numbers, as `bus.distributed_counts`; they stay after the end.

    `sent` are commands and messages to services, `published` events, `copies` what services were
    sent of those, `unsubscribed` the events among them that no service subscribes to. `received`
    is what arrived at the inboxes and was accepted, `unheard` the events among it that no handler
    here subscribes to, `unreachable` what became a dead letter because no handler here takes it.
    """

    sent: int = 0
    published: int = 0
    copies: int = 0
    unsubscribed: int = 0
    received: int = 0
    unheard: int = 0
    unreachable: int = 0
