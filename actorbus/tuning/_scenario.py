"""One endpoint in the simulator, as a scenario to search in: a model of it, or its trace."""

from dataclasses import dataclass, replace
from math import isnan

from actorbus.options._supervision import Supervision
from actorbus.tuning._objectives import Costs
from supervisors import Backoff, ConfigurationError, Intensity, OneForOne, simulate
from supervisors.simulator import Endpoint, Report, Trace, Tree

_BETWEEN_SEEDS = 1_000_003
"""So that the runs of two seeds have no seed in common."""

_SUPERVISOR = OneForOne(max_restarts=None)
"""What supervises the channels and endpoints of a bus; limits and backoff are an endpoint's own."""


@dataclass(frozen=True, slots=True)
class EndpointScenario:
    """An endpoint, simulated for `until` seconds; its settings are those of today.

    Runs differ in their chance: the same number gives each candidate the same messages and
    troubles. In the runs of a trace what comes and fails is recorded, and jitter is what differs.
    """

    endpoint: Endpoint
    until: float
    seed: int = 0

    @property
    def baseline(self) -> Supervision:
        """The settings of today."""
        limit = self.endpoint.intensity or Intensity(None)
        return Supervision(
            self.endpoint.retry,
            self.endpoint.backoff or Backoff(),
            limit.max_restarts,
            limit.within,
            self.endpoint.breaker,
        )

    def run(self, settings: Supervision, number: int) -> Costs:
        """Simulate once."""
        return costs(self.report(settings, number))

    def report(self, settings: Supervision, number: int) -> Report:
        """Simulate once, for all that the simulator has to say about it."""
        seed = self.seed * _BETWEEN_SEEDS + number
        endpoint = self.with_settings(settings)
        channel = endpoint if settings.max_restarts is None else _channel(endpoint)
        return simulate(_SUPERVISOR, [channel], until=self.until, seed=seed, keep_steps=False)

    def with_settings(self, settings: Supervision) -> Endpoint:
        """Return the endpoint with other settings."""
        return replace(
            self.endpoint,
            backoff=settings.backoff,
            retry=settings.retry,
            breaker=settings.breaker,
            intensity=Intensity(settings.max_restarts, settings.within),
        )


def _channel(endpoint: Endpoint) -> Tree:
    """Return the channel of an endpoint with a limit: it is restarted where that is exceeded."""
    return Tree("channel", _SUPERVISOR, [endpoint])


def costs(report: Report) -> Costs:
    """Return the figures of a run; it has one endpoint.

    A message that always fails is lost, also if the end comes before its last try: else longer
    waits and more attempts would seem to save it.
    """
    (load,) = report.loads
    return Costs(
        recovery=0.0 if isnan(load.recovery) else load.recovery,
        load=float(load.calls_while_away),
        loss=float(load.lost + load.hopeless),
        waiting=load.waiting_mean,
    )


def traced(trace: Trace, endpoint: str | None = None, seed: int = 0) -> EndpointScenario:
    """Return the scenario of one endpoint of a trace, with its settings as they were recorded.

    Without a name it is the one endpoint that failed at all. Raises ConfigurationError if there is
    no such endpoint, or if there are several.
    """
    names = [one.name for one in trace.endpoints]
    failing = [one.name for one in trace.endpoints if any(t.outcome != "ok" for t in one.tries)]
    if endpoint is None and len(failing) == 1:
        endpoint = failing[0]
    if endpoint not in names:
        raise ConfigurationError("tuning", _which(endpoint, names, failing))
    found = trace.endpoint(endpoint)
    limit = Intensity(found.max_restarts, found.within)
    return EndpointScenario(found.endpoint(intensity=limit), trace.until, seed)


def _which(endpoint: str | None, names: list[str], failing: list[str]) -> str:
    if endpoint is not None:
        return f"endpoint={endpoint!r} is not in the trace (endpoints: {', '.join(names)})"
    if not failing:
        return f"no endpoint of the trace has failed; name one: {', '.join(names)}"
    return f"{len(failing)} endpoints of the trace have failed; name one: {', '.join(failing)}"
