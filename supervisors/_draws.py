"""Random numbers that a seed and a path repeat: one stream for each child.

The n-th number is a hash of seed, path and n, not the state of a generator: a stream is a hundred
bytes, so that each of very many children may have its own.
"""

from hashlib import blake2b
from typing import Final

_BITS: Final = 53  # what a float holds


class DrawStream:
    """Numbers from 0 to 1, excluding 1, evenly distributed; made by `draw_stream`."""

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def random(self) -> float:
        """Return the next number."""
        self._count += 1
        return self.at(self._count - 1)

    def at(self, place: int) -> float:
        """Return the number at a place, from 0, whichever comes next."""
        digest = blake2b(place.to_bytes(8, "big"), digest_size=8, key=self._key).digest()
        return (int.from_bytes(digest, "big") >> (64 - _BITS)) * 2.0**-_BITS


def draw_stream(seed: object, path: str, of: str = "") -> DrawStream:
    """Return the stream of the child at ``path`` in a system with this ``seed``, from its start.

    ``of`` tells apart what is drawn for one child: its restarts (the default) and, for an
    endpoint, its ``"messages"``. Equal arguments give equal numbers, in every process.
    """
    text = "\0".join((str(seed), path, of))
    return DrawStream(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest())
