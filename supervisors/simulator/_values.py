"""What the values of a model share: how a checked option is kept, and read."""

from datetime import timedelta

from supervisors._checks import Seconds


def keep(owner: object, **values: object) -> None:
    """Set the checked options of a frozen value."""
    for name, value in values.items():
        object.__setattr__(owner, name, value)


def as_seconds(value: Seconds) -> float:
    """Return a span of time as a number of seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else value
