"""How the tries of one endpoint's messages end: its failure models, put together."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from random import Random

from supervisors._draws import DrawStream
from supervisors._verdict import Verdict

from ._failures import (
    DependencyOutage,
    DependencyOutages,
    FailureBursts,
    FailureModel,
    Independent,
    Poison,
)
from ._values import as_seconds

Befalls = Callable[[int, int, float], bool]
"""Whether a failure befalls a try: (message number, try number, time)."""

Span = tuple[float, float, float]
"""When an outage begins and ends, and after how many seconds a call fails meanwhile."""


class Draws:
    """The random numbers of one child's load, each kind with a stream of its own.

    So two strategies that are compared under one seed meet the same messages.
    """

    def __init__(self, seed: object, path: str) -> None:
        self._seed = seed
        self._path = path

    def of(self, what: str) -> Random:
        """Return a generator for one kind of numbers."""
        return Random(f"{self._seed}\0{self._path}\0{what}")

    def shared(self, what: str) -> Random:
        """Return a generator whose numbers are the same for all children."""
        return Random(f"{self._seed}\0{what}")

    def by_number(self, what: str) -> DrawStream:
        """Return numbers that belong to messages."""
        return DrawStream(f"{self._seed}\0{self._path}\0{what}".encode()[-64:])


class Outcomes:
    """Says how each try ends, and when; counts the calls that a dependency saw while it was away.

    Times must not go back. ``recovery_times`` are those of the outages that some call met.
    """

    def __init__(self, models: Sequence[FailureModel], draws: Draws, until: float) -> None:
        self._spans = _merged(_outages(models, draws, until))
        self._place = 0
        self._met = False
        self._back: list[float] = []
        self._doomed = [
            _doomed(model, draws.by_number(f"failures/{index}"))
            for index, model in enumerate(models)
            if isinstance(model, Poison) and model.attempts is None
        ]
        self._lost: set[int] = set()
        self._rules = [
            (_befalls(model, draws, f"failures/{index}", until), model.verdict)
            for index, model in enumerate(models)
            if not isinstance(model, DependencyOutage | DependencyOutages)
        ]
        self.calls_while_away = 0
        self.recovery_times: list[float] = []

    def end(
        self, number: int, attempt: int, now: float, duration: float
    ) -> tuple[float, Verdict | None]:
        """Return when a try ends that begins now, and whose failure it is, None for a success."""
        span = self._span(now)
        if span is not None:
            begin, _, fails_after = span
            if begin <= now:
                self.calls_while_away += 1
                self._met = True
                return now + fails_after, Verdict.OUTAGE
            if begin < now + duration:
                self._met = True
                return begin, Verdict.OUTAGE
        for befalls, verdict in self._rules:
            if befalls(number, attempt, now):
                return now + duration, verdict
        return now + duration, None

    def refuses(self, now: float) -> bool:
        """Whether a start that calls the dependency fails now."""
        span = self._span(now)
        if span is None or span[0] > now:
            return False
        self.calls_while_away += 1
        self._met = True
        return True

    def succeeded(self, now: float) -> None:
        """Note a success: the first one after an outage ends the recovery from it."""
        if self._back:
            self.recovery_times += [now - back for back in self._back]
            self._back.clear()

    def lost(self, number: int) -> None:
        """Note that a message has failed for good."""
        if self._doomed:
            self._lost.add(number)

    def hopeless(self, arrived: int) -> int:
        """Return how many of so many messages always fail, and are not lost yet."""
        if not self._doomed:
            return 0
        left = (number for number in range(arrived) if number not in self._lost)
        return sum(any(doomed(number) for doomed in self._doomed) for number in left)

    def recoveries(self, until: float) -> tuple[float, ...]:
        """Return the recovery times at the end; one that still lasts is counted until then."""
        self._span(until)
        return (*self.recovery_times, *(until - back for back in self._back))

    def _span(self, now: float) -> Span | None:
        """Return the outage that is now or comes next."""
        spans = self._spans
        while self._place < len(spans) and spans[self._place][1] <= now:
            if self._met:
                self._back.append(spans[self._place][1])
                self._met = False
            self._place += 1
        return spans[self._place] if self._place < len(spans) else None


def _outages(models: Iterable[FailureModel], draws: Draws, until: float) -> Iterator[Span]:
    for model in models:
        if isinstance(model, DependencyOutage | DependencyOutages):
            name = model.dependency if isinstance(model, DependencyOutages) else ""
            spans = model.spans(draws.shared(f"dependency/{name}"))
            for begin, end in takewhile(lambda span: span[0] <= until, spans):
                yield begin, end, as_seconds(model.fails_after)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that overlap as one."""
    merged: list[Span] = []
    for begin, end, fails_after in sorted(spans):
        if merged and begin <= merged[-1][1]:
            first, last, after = merged[-1]
            merged[-1] = (first, max(last, end), after)
        else:
            merged.append((begin, end, fails_after))
    return merged


def _befalls(model: FailureModel, draws: Draws, what: str, until: float) -> Befalls:
    if isinstance(model, Independent):
        draw, rate = draws.of(what).random, model.rate
        return lambda _number, _attempt, _now: draw() < rate
    if isinstance(model, FailureBursts):
        return _bursts(model, draws, what, until)
    assert isinstance(model, Poison)  # noqa: S101  # the others are outages
    return _poison(model, draws.by_number(what))


def _bursts(model: FailureBursts, draws: Draws, what: str, until: float) -> Befalls:
    spans = model.spans(draws.of(what))
    times = [time for span in takewhile(lambda one: one[0] <= until, spans) for time in span]
    draw, rate = draws.of(f"{what}/rate").random, model.rate
    return lambda _number, _attempt, now: bool(bisect_right(times, now) % 2) and draw() < rate


def _poison(model: Poison, stream: DrawStream) -> Befalls:
    most, doomed = model.attempts, _doomed(model, stream)
    if most is None:
        return lambda number, _attempt, _now: doomed(number)
    return lambda number, attempt, _now: attempt <= most and doomed(number)


def _doomed(model: Poison, stream: DrawStream) -> Callable[[int], bool]:
    numbers, share = model.numbers, model.share
    return lambda number: number in numbers or (share > 0.0 and stream.at(number) < share)
