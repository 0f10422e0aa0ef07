"""How an endpoint is supervised: its retries, backoff and limits, as declared or as set later.

The settings have flat names, as `bus.supervision.set` and the command line take them and as a
store keeps them: `retry_attempts`, `backoff_initial`, `max_restarts`, `within`, `breaker` ...
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypedDict

from actorbus.options._options import Seconds, is_64_bit
from actorbus.options._retry_checks import retry_contradictions
from supervisors import Backoff, ConfigurationError, Intensity, Retry


class SupervisionOptions(TypedDict, total=False):
    """What of an endpoint's supervision can be set while it runs. Times are seconds or timedeltas.

    `retry_...` are the fields of its `Retry`, `backoff_...` those of the `Backoff` of its actor.
    More than `max_restarts` restarts of the actor `within` a time restart all endpoints of its
    channel; None never does. So many failures in a row as `breaker` says are an outage; None: only
    the errors that were declared to be one.
    """

    retry_attempts: int
    retry_initial: Seconds
    retry_factor: float
    retry_maximum: Seconds
    retry_jitter: float
    backoff_initial: Seconds
    backoff_factor: float
    backoff_maximum: Seconds
    backoff_jitter: float
    backoff_reset_after: Seconds
    backoff_first_immediate: bool
    max_restarts: int | None
    within: Seconds
    breaker: int | None


OPTIONS: Final = tuple(SupervisionOptions.__annotations__)
_DELAYS: Final = ("retry_initial", "retry_factor", "retry_maximum", "retry_jitter")


@dataclass(frozen=True, slots=True)
class Supervision:
    """How one endpoint is supervised. See `SupervisionOptions`."""

    retry: Retry = field(default_factory=Retry)
    backoff: Backoff = field(default_factory=Backoff)
    max_restarts: int | None = None
    within: float = 5.0
    breaker: int | None = None

    @property
    def intensity(self) -> Intensity:
        """The limit of the actor's restarts."""
        return Intensity(self.max_restarts, self.within)

    def settings(self) -> dict[str, Any]:
        """Return the settings by their flat names."""
        return {
            **_flat("retry", self.retry),
            **_flat("backoff", self.backoff),
            "max_restarts": self.max_restarts,
            "within": self.within,
            "breaker": self.breaker,
        }

    def value(self, name: str) -> Any:
        """Return one setting by its flat name."""
        part, _, option = name.partition("_")
        if part in {"retry", "backoff"}:
            return getattr(getattr(self, part), option)
        return getattr(self, name)

    def changed(self, settings: Mapping[str, Any]) -> "Supervision":
        """Return it with some settings in place of its own.

        Raises ConfigurationError with all that is wrong with them.
        """
        wanted = {**self.settings(), **settings}
        problems = [f"no setting {name!r}" for name in settings if name not in OPTIONS]
        retry = _made(Retry, _of("retry", wanted), problems)
        backoff = _made(Backoff, _of("backoff", wanted), problems)
        limit = _made(Intensity, {key: wanted[key] for key in ("max_restarts", "within")}, problems)
        problems += _wrong_breaker(wanted["breaker"])
        problems += _never_act(settings, retry)
        if limit is not None and limit.max_restarts == 0:
            problems.append(
                "max_restarts=0 is not allowed: an endpoint that is never restarted would take no"
                " message after its first outage; give at least 1, or None"
            )
        if problems or retry is None or backoff is None or limit is None:
            raise ConfigurationError("supervision", *problems)
        return Supervision(retry, backoff, limit.max_restarts, limit.within, wanted["breaker"])


def _flat(prefix: str, value: Retry | Backoff) -> dict[str, Any]:
    return {f"{prefix}_{one.name}": getattr(value, one.name) for one in fields(value)}


def _of(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(f"{prefix}_"): value
        for name, value in settings.items()
        if name in OPTIONS and name.startswith(f"{prefix}_")
    }


def _made(kind: Any, options: Mapping[str, Any], problems: list[str]) -> Any:
    try:
        return kind(**options)
    except ConfigurationError as error:
        problems += [f"{kind.__name__}: {problem}" for problem in error.problems]
        return None


def _never_act(settings: Mapping[str, Any], retry: Retry | None) -> Iterator[str]:
    """Say which delays were set for what is not tried again; declared ones are let be."""
    if retry is not None and any(name in settings for name in _DELAYS):
        given = _of("retry", settings)
        yield from retry_contradictions(Retry(**{**given, "attempts": retry.attempts}))


def _wrong_breaker(value: object) -> Iterator[str]:
    if value is not None and not (is_64_bit(value) and value >= 1):
        yield f"breaker={value!r} is not allowed: give a whole number of at least 1, or None"
