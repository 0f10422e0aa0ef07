"""One endpoint's settings, put together from its handler and its channel."""

from dataclasses import dataclass, field, replace
from urllib.parse import quote

from actorbus._store import Claimed
from actorbus.declaring._channel import Channel, Inbox
from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._decision import Judge
from actorbus.options._flow import Batch, ByLoad, Rate, most_at_once
from actorbus.options._ordering import OnFailure, ordering_of
from actorbus.options._precedence import on_channel
from actorbus.options._supervision import Supervision
from supervisors import Retry

_ANSWERED_AT_ONCE = Retry(attempts=1)
"""A query's failure is its answer: its asker waits, and may ask again."""

INTAKE = "intake"
"""The name of the actor that claims for a channel; no tenant's actor has it."""


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """What an endpoint needs to know. `tenant` is "" on a channel without tenants.

    `concurrency` messages run at once; at most `limit` claimed ones are held, running and
    uncommitted ones included, and more are asked for at `low_water` unstarted ones. `path` is
    that of its actor. With a `batch`, `concurrency` counts batches; with a `load` it is the most.
    `supervision` is how it was declared to be supervised.
    `on_failure` is what a failure means for others of its ordering key. `inbox` says when it is
    noted that a message was handled. Up to `group_commit` transactions share a commit.
    """

    spec: HandlerSpec
    channel: str
    tenant: str
    path: str
    judge: Judge
    concurrency: int
    limit: int
    low_water: int
    error_channel: str | None = None
    final_failure: str = "resend"
    load: ByLoad | None = None
    rate: Rate | None = None
    batch: Batch | None = None
    on_failure: OnFailure = "wait"
    inbox: Inbox = "last"
    group_commit: int = 1
    supervision: Supervision = field(default_factory=Supervision)

    @property
    def next_channel(self) -> str | None:
        """The handler's own channel, if this one, a gateway's, is a hop on the way there."""
        return None if self.spec.channel in {None, self.channel} else self.spec.channel

    @property
    def ids(self) -> tuple[str, ...]:
        """The endpoint ids that its messages may carry: its own, and those it had before."""
        return (self.spec.endpoint_id, *self.spec.aliases)

    @property
    def name(self) -> str:
        """The name of its actor."""
        return actor_name(self.spec.endpoint_id)

    def about(self, claimed: Claimed, now: float) -> tuple[str, float, str, str, str, str]:
        """Return what the events of a message begin with: path, time, endpoint, tenant, ids."""
        ids = claimed.copy_id, claimed.message_id
        return (self.path, now, self.spec.endpoint_id, self.tenant, *ids)


def plan_endpoint(
    spec: HandlerSpec, channel: Channel, tenant: str = "", root: str = ""
) -> EndpointPlan:
    """Return the plan of a handler on a channel: its own options first, then the channel's.

    `root` is the name of the actor system. On the way to a channel of its own the options are
    the channel's.
    """
    if spec.channel in {None, channel.name}:
        spec = on_channel(spec, channel)
    else:
        spec = replace(spec, concurrency=None, retry=None, outage=None, breaker=None, permanent=())
        spec = replace(spec, error_channel=None, rate_limit=None, batch=None, group_commit=None)
    given = spec.concurrency or (channel.concurrency if spec.batch is None else 1)
    concurrency = most_at_once(given)
    limit, low_water = _credit(spec.batch, channel, concurrency)
    parts = [root, "channels", channel.name, *filter(None, [actor_name(tenant)])]
    ordering = ordering_of(spec.ordering_key)
    retry = spec.retry or (_ANSWERED_AT_ONCE if spec.kind == "query" else channel.retry)
    return EndpointPlan(
        spec=spec,
        channel=channel.name,
        tenant=tenant,
        path="/".join((*parts, actor_name(spec.endpoint_id))),
        judge=Judge(
            retry=retry,
            outage=channel.outage if spec.outage is None else spec.outage,
            permanent=spec.permanent,
        ),
        concurrency=concurrency,
        limit=limit,
        low_water=low_water,
        error_channel=spec.error_channel or channel.error_channel,
        final_failure=channel.final_failure,
        load=given if isinstance(given, ByLoad) else None,
        rate=spec.rate_limit,
        batch=spec.batch,
        on_failure="wait" if ordering is None else ordering.on_failure,
        inbox=channel.inbox,
        group_commit=spec.group_commit or channel.group_commit,
        supervision=Supervision(retry, channel.backoff, breaker=spec.breaker),
    )


def _credit(batch: Batch | None, channel: Channel, concurrency: int) -> tuple[int, int]:
    """Return how many messages an endpoint may hold, and at how few unstarted ones it asks.

    With batches it may hold one more than run, so that the next fills meanwhile.
    """
    if batch is None:
        limit = max(channel.max_in_flight, concurrency)
        return limit, (concurrency if channel.dynamic else limit) // 2
    limit = max(channel.max_in_flight, batch.size * (concurrency + 1))
    return limit, max(batch.size, 0 if channel.dynamic else limit // 2)


def actor_name(text: str) -> str:
    """Return a name for an actor: the text itself, but for what a path cannot hold."""
    name = quote(text, safe=" !#$&'()*+,:;=?@[]", errors="surrogatepass")
    return "%69ntake" if name == INTAKE else name
