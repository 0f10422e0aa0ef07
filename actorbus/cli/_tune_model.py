"""What `actorbus tune` simulates: a trace, or a model put together from options."""

from dataclasses import dataclass
from pathlib import Path

from actorbus import Supervision
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._target import load
from actorbus.tuning import EndpointScenario, TraceFileError, read_trace, traced
from actorbus.tuning._declared import Declared, declared
from supervisors import ConfigurationError
from supervisors.simulator import (
    Arrivals,
    DependencyOutages,
    Endpoint,
    Exponential,
    FailureModel,
    Independent,
    Poison,
    Poisson,
    Service,
)

_PLAIN = Declared("endpoint", Supervision(), concurrency=10, max_in_flight=100)
_OUTAGES_IN_A_RUN = 3.0

MOST_MESSAGES = 10_000_000
"""In one run, on average: a minute or two of computing."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What the command line says about load and failures; None where it says nothing."""

    arrivals: float | None = None
    service: float | None = None
    outage: float | None = None
    every: float | None = None
    fails_after: float | None = None
    failures: float | None = None
    poison: float | None = None
    horizon: float | None = None
    concurrency: int | None = None

    @property
    def given(self) -> list[str]:
        """The names of those that were said."""
        return [name for name in self.__dataclass_fields__ if getattr(self, name) is not None]


def scenario_of(
    app: str | None, trace: Path | None, endpoint: str | None, model: ModelOptions, seed: int
) -> EndpointScenario:
    """Return what the command line asks for. Raises CommandFailed."""
    try:
        if trace is None:
            return _modelled(app, endpoint, model, seed)
        if model.given:
            said = ", ".join(f"--{_OPTIONS.get(name, name)}" for name in model.given)
            raise CommandFailed(f"--trace has what {said} would say; leave one out", ExitCode.USAGE)
        return traced(read_trace(trace), endpoint, seed)
    except TraceFileError as error:
        raise CommandFailed(str(error), ExitCode.FAILURE) from error
    except OSError as error:
        raise CommandFailed(f"{trace}: {error.strerror or error}", ExitCode.USAGE) from error
    except ConfigurationError as error:
        raise wrong_usage(error) from error


_OPTIONS = {"horizon": "for", "fails_after": "fails-after"}


def wrong_usage(error: ConfigurationError) -> CommandFailed:
    """Return an error of an option as one of the command line."""
    if len(error.problems) == 1:
        return CommandFailed(f"{error.owner}: {error.problems[0]}", ExitCode.USAGE)
    return CommandFailed(
        f"{error.owner}: {len(error.problems)} problems", ExitCode.USAGE, error.problems
    )


def _modelled(
    app: str | None, endpoint: str | None, model: ModelOptions, seed: int
) -> EndpointScenario:
    if app is None and endpoint is not None:
        raise CommandFailed("--endpoint needs an APP, or a --trace, that has it", ExitCode.USAGE)
    found = _PLAIN if app is None else declared(load(app), endpoint)
    outage = 60.0 if model.outage is None else model.outage
    every = 2 * outage if model.every is None else model.every
    settings = found.settings
    arrivals = Poisson(2.0 if model.arrivals is None else model.arrivals)
    made = Endpoint(
        found.endpoint,
        arrivals,
        Exponential(0.05 if model.service is None else model.service),
        _failures(found.endpoint, outage, every, model),
        retry=settings.retry,
        backoff=settings.backoff,
        breaker=settings.breaker,
        concurrency=model.concurrency or found.concurrency,
        max_in_flight=max(found.max_in_flight, model.concurrency or 1),
    )
    horizon = _OUTAGES_IN_A_RUN * (outage + every) if model.horizon is None else model.horizon
    _check_amount(arrivals.rate * horizon)
    return EndpointScenario(made, horizon, seed)


def _check_amount(count: float) -> None:
    if count > MOST_MESSAGES:
        raise CommandFailed(
            f"a run would have about {count:.3g} messages, and a search has hundreds of runs: at"
            f" most {MOST_MESSAGES} are simulated; give fewer --arrivals, or a shorter --for",
            ExitCode.USAGE,
        )


def _failures(name: str, outage: float, every: float, model: ModelOptions) -> list[FailureModel]:
    found: list[FailureModel] = []
    if outage:
        after = model.fails_after or 0.0
        found.append(DependencyOutages(name, every, outage, fails_after=after))
    if model.failures:
        found.append(Independent(model.failures))
    if model.poison:
        found.append(Poison(share=model.poison))
    return found


def in_words(trace: Path | None, scenario: EndpointScenario) -> str:
    """Return what is simulated, in a line: nobody is to guess the defaults of the model."""
    if trace is not None:
        return f"{trace}, {scenario.until:.3g} s of it"
    found = [_said(one) for one in (scenario.endpoint.arrivals, scenario.endpoint.service)]
    found += [_said(one) for one in scenario.endpoint.failures]
    return f"{', '.join(found)}; {scenario.until:g} s a run"


def _said(model: Arrivals | Service | FailureModel) -> str:
    match model:
        case Poisson(rate):
            return f"{rate:g} messages a second"
        case Exponential(mean):
            return f"{mean:g} s each"
        case DependencyOutages(every=float(every), lasting=float(lasting)):
            return f"the dependency away for {lasting:g} s after {every:g} s, on average"
        case Independent(rate):
            return f"{rate:g} of tries fail by chance"
        case Poison(share):
            return f"{share:g} of messages fail always"
        case _:
            return repr(model)
