"""A relay's settings: the outbox's, where they mean something for it."""

from actorbus.channels._broker import BrokerUnavailable
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._decision import Judge
from actorbus.endpoints._plan import EndpointPlan, actor_name
from actorbus.options._supervision import Supervision
from actorbus.outbox._relay import BATCH

AT_ONCE = 2
"""Batches that are under way together: one is settled while the next is published."""


def plan_relay(spec: HandlerSpec, outbox: Channel, root: str) -> EndpointPlan:
    """Return the plan of a relay on its outbox."""
    path = "/".join((root, "channels", actor_name(outbox.name), actor_name(spec.endpoint_id)))
    return EndpointPlan(
        spec=spec,
        channel=outbox.name,
        tenant="",
        path=path,
        judge=Judge(retry=outbox.retry, outage=(*outbox.outage, BrokerUnavailable), permanent=()),
        concurrency=AT_ONCE,
        limit=AT_ONCE * BATCH,
        low_water=BATCH // 2,
        final_failure=outbox.final_failure,
        supervision=Supervision(outbox.retry, outbox.backoff),
    )
