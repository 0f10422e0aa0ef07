"""How large a run is, and how a workload describes itself."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks._measure import Result


@dataclass(frozen=True, slots=True)
class Settings:
    """`quick` is for trying out: its figures say little, its goals are not meant to be met."""

    repeat: int = 5
    quick: bool = False
    progress: Callable[[str], None] = print
    peers: bool = True
    """Whether other libraries run beside us, where a workload has any: they need installing."""

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    summary: str
    run: Callable[[Settings], Result]
