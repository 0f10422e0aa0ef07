"""Durations as people write them: `500ms`, `10s`, `1.5h`, `1h30m`; a bare number is seconds."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def seconds(text: str) -> float:
    """Return the duration in seconds. Raises ValueError, saying what is allowed."""
    compact = text.replace(" ", "").lower()
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        return float(compact)
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is no duration; write 500ms, 10s, 5m, 2h, 1d or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def readable(duration: float) -> str:
    """Write a duration as one or two units: `350ms`, `12.5s`, `3m 20s`, `2d 4h`."""
    if duration < 1:
        return f"{duration * 1000:.0f}ms"
    if duration < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{duration:.1f}s".replace(".0s", "s")
    for large, small in (("d", "h"), ("h", "m"), ("m", "s")):
        if duration >= _SECONDS[large]:
            whole, rest = divmod(duration, _SECONDS[large])
            return f"{whole:.0f}{large} {rest // _SECONDS[small]:.0f}{small}"
    raise AssertionError("a duration of a minute or more has minutes")
