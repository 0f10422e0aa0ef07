"""Versions of message types, and the upcasters that lead from one to the next.

A message carries the version that its sender's type had. A body of an earlier version is taken,
as plain data, through one upcaster after the other, and then converted. One of a later version
cannot be read: the process that knows it has to handle it, or be deployed here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from actorbus.codecs import FIRST_VERSION, Codec, Decode, NotConvertible, with_version

Upcast = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Upcaster:
    """One `@bus.upcaster`: `target` is a message type or a routing key."""

    target: Any
    from_version: Any
    function: Upcast
    where: str


class Versions:
    """The current version of each message name, and the steps that lead to it."""

    def __init__(self) -> None:
        self._current: dict[str, int] = {}
        self._steps: dict[str, dict[int, Upcast]] = {}

    def declare(self, name: str, version: int | None, upcasters: Iterable[Upcaster]) -> list[str]:
        """Note a name's version and upcasters; return what is wrong with them.

        Without a version given it is the one that the last upcaster leads to. Each upcaster has
        to lead to a version from which others go on, up to the current one.
        """
        steps = {upcaster.from_version: upcaster.function for upcaster in upcasters}
        current = version or max(steps, default=0) + 1
        self._current[name] = current
        self._steps[name] = steps
        ahead = [start for start in steps if start >= current]
        if ahead:
            return [f"{name}: an upcaster from version {max(ahead)} leads past version={current}"]
        gaps = set(range(min(steps, default=current), current)) - set(steps)
        return [
            f"{name}: no upcaster from version {gap}, the chain ends there" for gap in sorted(gaps)
        ]

    def current(self, name: str) -> int:
        """Return the version in which messages of this name are sent."""
        return self._current.get(name, FIRST_VERSION)

    def decoders(self, name: str, codec: Codec, decode: Decode) -> Mapping[str, Decode]:
        """Return decoders by content type: the given one for now, others for earlier versions."""
        current, steps = self.current(name), self._steps.get(name, {})
        found = {with_version(codec.content_type, current): decode}
        for start in steps:
            chain = [steps[version] for version in range(start, current)]
            found[with_version(codec.content_type, start)] = _upcasting(
                name, start, codec, chain, decode
            )
        return found

    def why_not(self, name: str, version: int) -> str:
        """Say why a body of this version is not read."""
        current = self.current(name)
        if version > current:
            return f"version {version} is newer than {current}, the newest that this bus knows"
        return f"no upcaster from version {version} leads to version {current}"


def _upcasting(
    name: str, start: int, codec: Codec, chain: Iterable[Upcast], decode: Decode
) -> Decode:
    """Return a decoder of an earlier version.

    What the upcasters return is written anew, so that it is read like any other body.
    """

    def decode_upcast(body: bytes) -> Any:
        codec.check(body)
        try:
            data = codec.plain(body)
            for version, upcast in enumerate(chain, start):
                data = _stepped(name, version, upcast, data)
            return decode(codec.encode(data))
        except NotConvertible as error:
            raise NotConvertible(f"from version {start}: {error}") from error

    return decode_upcast


def _stepped(name: str, version: int, upcast: Upcast, data: Any) -> Any:
    try:
        return upcast(data)
    except Exception as error:
        raise NotConvertible(
            f"the upcaster of {name} from version {version} raised {type(error).__name__}: {error}"
        ) from error
