"""Start-up checks of what is to happen after errors: settings that contradict each other."""

from collections.abc import Iterator

from actorbus.declaring._handlers import HandlerSpec
from actorbus.options._retry_after import delaying
from supervisors import Retry

_DELAYS = ("initial", "factor", "maximum", "jitter")


def retry_contradictions(retry: object) -> Iterator[str]:
    """Say which delays of a Retry would never act."""
    if not isinstance(retry, Retry) or retry.attempts > 1:
        return
    usual = Retry(1)
    for name in _DELAYS:
        value = getattr(retry, name)
        if value != getattr(usual, name):
            yield f"retry: attempts=1 tries nothing again, so {name}={value:g} would never act"


def error_contradictions(spec: HandlerSpec) -> Iterator[str]:
    """Say which of a handler's types of errors are declared to be two things at once."""
    yield from retry_contradictions(spec.retry)
    for option, kinds in (("permanent", spec.permanent), ("outage", spec.outage or ())):
        for kind in delaying(kinds):
            yield (
                f"{kind.__qualname__} carries its own delay, which would never count, since it is"
                f" {option}=; drop one"
            )
    for kind in spec.outage or ():
        if issubclass(kind, spec.permanent) and kind not in spec.permanent:
            yield (
                f"{kind.__qualname__} is outage=, which would never count, since it is one of"
                " permanent= too; drop one"
            )
