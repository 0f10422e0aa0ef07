"""Amounts of memory as people write them: `512MB`, `1.5GiB`, `200M`."""

import re

_BYTES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
}


def size(text: str) -> int:
    """Return the amount in bytes. Raises ValueError, saying what is allowed."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]i?|)b?", text.replace(" ", "").lower())
    if match is None:
        raise ValueError(f"{text!r} is no amount of memory; write 200M, 512MB or 1.5GiB")
    return int(float(match[1]) * _BYTES[match[2]])


def readable(count: int) -> str:
    """Return bytes as people read them: `1.5 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004  the next unit
            return f"{amount:.{0 if unit == 'B' else 1}f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
