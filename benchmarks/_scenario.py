"""What a workload declares of itself: its work, its guarantee, its knobs, who runs beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks._measure import Series

Guarantee = Literal["at most once", "at least once", "effectively once"]
Service = Literal["PostgreSQL", "Kafka"]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another library. What a series measures is this one's when its name contains the peer's.

    `environment` is the section of requirements-peers.txt that it runs in. One with a `guarantee`
    of its own is shown in a table of its own, with the `reason`.
    """

    name: str
    environment: str
    guarantee: Guarantee | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.guarantee is None) != (not self.reason):
            raise ValueError(f"{self.name}: give guarantee= and reason= together, or neither")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`ceiling` is what bounds everybody from above: the same work with nothing but the driver."""

    work: str
    guarantee: Guarantee
    knobs: Mapping[str, object] = field(default_factory=dict)
    peers: Sequence[Peer] = ()
    ceiling: str = ""
    needs: Sequence[Service] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Share:
    """Series of one guarantee class, which may be compared; `reason`: why they are apart."""

    guarantee: Guarantee
    series: Sequence[Series]
    reason: str = ""


def shares(scenario: Scenario, series: Sequence[Series]) -> list[Share]:
    """Divide series by guarantee class: the scenario's own first, then one for each other peer."""
    apart = [peer for peer in scenario.peers if peer.guarantee not in {None, scenario.guarantee}]
    own = [one for one in series if not any(peer.name in one.name for peer in apart)]
    others = (_share(peer, series) for peer in apart)
    return [Share(scenario.guarantee, own), *(one for one in others if one.series)]


def _share(peer: Peer, series: Sequence[Series]) -> Share:
    assert peer.guarantee is not None
    found = [one for one in series if peer.name in one.name]
    return Share(peer.guarantee, found, peer.reason)
