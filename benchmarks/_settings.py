"""How large a run is, and how a workload describes itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks._measure import Result
from benchmarks._scenario import Scenario


@dataclass(frozen=True, slots=True)
class Settings:
    """`quick` is for trying out: its figures say little, its goals are not meant to be met."""

    repeat: int = 5
    quick: bool = False
    progress: Callable[[str], None] = print
    peers: bool = True
    """Whether other libraries run beside us, where a workload has any: they need installing."""
    cpu_time: bool = False
    """Whether the `actors` suite measures the processor's time where it is pinned to one core."""
    sizes: dict[int, None] = field(default_factory=dict, compare=False)
    """The sizes that were asked for: figures of other sizes are not comparable."""

    def size(self, full: int, quick: int) -> int:
        size = quick if self.quick else full
        self.sizes[size] = None
        return size


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    summary: str
    run: Callable[[Settings], Result]
    scenario: Scenario
