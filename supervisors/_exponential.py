"""The one curve behind backoff and retry: exponential, capped, with jitter that only lengthens."""

from ._checks import Checks, Seconds


def exponential(attempt: int, initial: float, factor: float, maximum: float) -> float:
    """Return ``initial * factor ** (attempt - 1)`` seconds, at most ``maximum``.

    ``attempt`` counts from 1. It may be as large as it likes: an outage of weeks does not overflow.
    """
    if attempt < 1:
        raise ValueError(f"attempt={attempt} is not allowed: attempts count from 1")
    try:
        return min(initial * factor ** (attempt - 1), maximum)
    except OverflowError:
        return maximum


def lengthen(delay: float, jitter: float, draw: float) -> float:
    """Return ``delay`` made longer by up to the share ``jitter``, never shorter.

    ``draw`` is a random number from 0 to 1, which the caller draws.
    """
    if not 0.0 <= draw <= 1.0:
        raise ValueError(f"draw={draw!r} is not allowed: give a number from 0 to 1")
    return delay * (1.0 + jitter * draw)


def check_curve(
    checks: Checks, initial: Seconds, factor: float, maximum: Seconds, jitter: float, *, none: str
) -> tuple[float, float, float, float]:
    """Return the checked options of a curve; ``none`` says how to have no delay at all."""
    first = checks.seconds("initial", initial, above=0.0, way_out=none)
    growth = checks.number("factor", factor, at_least=1.0, way_out="1 keeps the delay constant")
    cap = checks.seconds("maximum", maximum, above=0.0)
    share = checks.number("jitter", jitter, at_most=1.0, way_out="0 means no jitter")
    if checks.clean and cap < first:
        checks.refuse(
            f"maximum={cap:g} is less than initial={first:g}, which would never be waited for;"
            " raise maximum or lower initial"
        )
    return first, growth, cap, share
