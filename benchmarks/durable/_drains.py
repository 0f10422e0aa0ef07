"""Contenders that take turns at emptying backlogs of their own."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks._environments import python
from benchmarks._measure import Goal, Result, Series, ratios
from benchmarks._process import measure
from benchmarks._settings import Settings
from benchmarks.durable._servers import filled
from tests.services import Postgres

PEERS = "benchmarks.durable.peers"


@dataclass(frozen=True, slots=True)
class Contender:
    """`fill` and `drain` run programs; contenders with the same `backlog` share one."""

    name: str
    backlog: str
    messages: int
    fill: Callable[[str, int], object]
    drain: Callable[[str, int], dict[str, Any]]
    peer: bool = False
    """Another library: left out with `--no-peers`."""


def peer(name: str, module: str, messages: int, environment: str, *options: object) -> Contender:
    """Return another library; `options` are those of its `drain`."""
    program = f"{PEERS}.{module}"

    def fill(url: str, messages: int) -> object:
        return measure(program, "fill", url, messages, python=python(environment))

    def drain(url: str, messages: int) -> dict[str, Any]:
        return measure(program, "drain", url, messages, *options, python=python(environment))

    return Contender(name, module, messages, fill, drain, peer=True)


def our_bus(name: str, messages: int, effect: str, *options: object) -> Contender:
    """Return the bus; `options` are those of `probes.drain`."""
    return _own(name, "benchmarks.durable.probes.drain", messages, effect, *options)


def bare_driver(name: str, messages: int, effect: str, *options: object) -> Contender:
    """Return the bare driver on the bus's backlog."""
    return _own(name, "benchmarks.durable.raw.drain", messages, effect, *options)


def _own(name: str, program: str, messages: int, *options: object) -> Contender:
    def fill(url: str, messages: int) -> object:
        return measure("benchmarks.durable.probes.fill", url, messages)

    def drain(url: str, messages: int) -> dict[str, Any]:
        return measure(program, url, messages, *options)

    return Contender(name, "actorbus", messages, fill, drain)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one contender, a value for each round."""

    entries: Series
    """From the first handler's start to the last one's."""
    settled: Series
    """Milliseconds from the last handler's start until all was settled."""


def take_turns(
    workload: str, contenders: Sequence[Contender], server: Postgres, settings: Settings
) -> dict[str, Rates]:
    """Let each of them empty a backlog in each round: what else the machine does meets all."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    contenders = [one for one in contenders if settings.peers or not one.peer]
    with ExitStack() as stack:
        backlogs = {one.backlog: stack.enter_context(_filled(one, server)) for one in contenders}
        for number in range(settings.repeat):
            for one in contenders:
                with backlogs[one.backlog].copy() as url:
                    found[one.name].append(one.drain(url, one.messages))
                rate = found[one.name][-1]["rate"]
                settings.progress(
                    f"{workload} {number + 1}/{settings.repeat}: {one.name}: {rate:,.0f}/s"
                )
    return {name: _rates(name, figures) for name, figures in found.items()}


def result(
    workload: str,
    bus: str,
    rates: Mapping[str, Rates],
    wanted: Mapping[str, float],
    notes: Sequence[str],
) -> Result:
    """Put the bus beside all others; `wanted` are the goals among the ratios."""
    ours = rates[bus].entries
    ratio = {name: ratios(ours, rates[name].entries) for name in rates if name != bus}
    return Result(
        workload,
        [
            *(one.entries for one in rates.values()),
            *(one.settled for one in rates.values()),
            *ratio.values(),
        ],
        [
            Goal(f"beside {name}", ratio[name].median, "at least", times, "x")
            for name, times in wanted.items()
            if name in ratio
        ],
        notes,
    )


def _filled(one: Contender, server: Postgres) -> Any:
    return filled(server, lambda url: one.fill(url, one.messages))


def _rates(name: str, figures: list[dict[str, Any]]) -> Rates:
    return Rates(
        Series(name, "messages/s", tuple(one["rate"] for one in figures)),
        Series(f"{name}: settled after", "ms", tuple(one["settled_after_ms"] for one in figures)),
    )
