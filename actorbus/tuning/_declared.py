"""How an application has declared an endpoint, as settings to begin with."""

from dataclasses import dataclass

from actorbus._bus import ActorBus
from actorbus.endpoints._plan import plan_endpoint
from actorbus.messages._types import did_you_mean
from actorbus.options._supervision import Supervision
from supervisors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Declared:
    """An endpoint's settings, and how many messages it runs and holds at once."""

    endpoint: str
    settings: Supervision
    concurrency: int
    max_in_flight: int


def declared(bus: ActorBus, endpoint: str | None = None) -> Declared:
    """Return an endpoint as `bus` declares it; without a name, the only one on a channel.

    What was set while it runs is not looked at. Raises ConfigurationError if there
    is no such endpoint, if it is on no channel, or if there are several to choose from.
    """
    specs = {spec.endpoint_id: spec for spec in bus.handlers if spec.channel is not None}
    if endpoint is None and len(specs) == 1:
        endpoint = next(iter(specs))
    if endpoint not in specs:
        raise ConfigurationError("tuning", _which(endpoint, list(specs)))
    spec = specs[endpoint]
    channel = next(one for one in bus.channels if one.name == spec.channel)
    plan = plan_endpoint(spec, channel)
    return Declared(endpoint, plan.supervision, plan.concurrency, plan.limit)


def _which(endpoint: str | None, known: list[str]) -> str:
    if endpoint is None:
        return f"name an endpoint of a channel: {', '.join(known) or 'none'}"
    return f"endpoint={endpoint!r} is no endpoint on a channel{did_you_mean(endpoint, known)}"
