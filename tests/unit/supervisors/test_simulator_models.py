"""The values that a simulation is made of: what they mean, and what they refuse."""

from datetime import timedelta
from itertools import islice, takewhile
from math import inf, nan
from random import Random
from statistics import fmean, median
from typing import Any

import pytest

from supervisors import Backoff, ConfigurationError, OneForOne, Retry, Verdict, simulate
from supervisors.simulator import (
    Bursts,
    DependencyOutage,
    DependencyOutages,
    Endpoint,
    EndpointTrace,
    Every,
    Exponential,
    FailureBursts,
    Figure,
    Fixed,
    Independent,
    LogNormal,
    Outcome,
    Poison,
    Poisson,
    RecordedArrivals,
    RecordedService,
    Trace,
    Tree,
    Try,
    Worker,
    drawn_crashes,
)
from supervisors.simulator._endpoint import EndpointMember
from supervisors.simulator._figure import student_t


def times(arrivals, until, seed=1):
    return list(takewhile(lambda at: at < until, arrivals.times(Random(seed))))


def test_poisson_arrivals_come_at_their_rate():
    assert len(times(Poisson(50.0), 1000)) == pytest.approx(50_000, rel=0.02)


def test_steady_arrivals_do_not_drift():
    assert times(Every(timedelta(seconds=0.1), first=1), 1000.05)[-1] == 1 + 9990 * 0.1


def test_bursts_have_their_size_on_average():
    came = times(Bursts(every=10, size=20), 100_000)

    assert len(came) / len(set(came)) == pytest.approx(20, rel=0.05)
    assert len(set(came)) == pytest.approx(10_000, rel=0.05)


def test_recorded_arrivals_are_repeated():
    assert times(RecordedArrivals([-1, 0.5, 0.5, 7]), 5) == [-1, 0.5, 0.5]


@pytest.mark.parametrize(
    ("service", "mean", "middle"),
    [(Fixed(0.2), 0.2, 0.2), (Exponential(0.2), 0.2, 0.1386), (LogNormal(0.1, 0.4), 0.1194, 0.1)],
)
def test_service_times(service, mean, middle):
    take = service.sampler(Random(1))
    taken = [take(number, 1) for number in range(50_000)]

    assert (fmean(taken), median(taken)) == pytest.approx((mean, middle), rel=0.02)


def test_recorded_service_times_are_those_of_the_message():
    take = RecordedService({(0, 1): 1.0, (0, 2): 2.0, (1, 1): 3.0}).sampler(Random(1))

    assert [take(0, 1), take(0, 2), take(0, 3), take(1, 9)] == [1.0, 2.0, 1.0, 3.0]
    assert take(7, 1) in {1.0, 2.0, 3.0}


def test_outages_at_random_last_and_come_as_long_as_they_say():
    spans = list(islice(DependencyOutages("gateway", 100, 10).spans(Random(1)), 10_000))

    assert fmean(end - begin for begin, end in spans) == pytest.approx(10, rel=0.05)
    assert spans[-1][1] == pytest.approx(1_100_000, rel=0.05)


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Poisson, (0,), "rate=0 is not allowed"),
        (Every, (0,), "interval=0 is not allowed"),
        (Bursts, (1, 0.5), "size=0.5 is not allowed"),
        (RecordedArrivals, ([2, 1],), r"at\[1\]=1.0 is before at\[0\]"),
        (Fixed, (-1,), "seconds=-1 is not allowed"),
        (Exponential, ("x",), "mean='x' is not allowed"),
        (LogNormal, (2, 1), "p99=1 is less than median=2"),
        (RecordedService, ({},), "at least one try"),
        (Independent, (1.5,), "rate=1.5 is not allowed"),
        (Independent, (0.5, "fatal"), "kind='fatal' is not allowed"),
        (FailureBursts, (0, 1), "every=0 is not allowed"),
        (Poison, (), "name no message"),
        (Poison, (0.1, (), 0), "attempts=0 is not allowed"),
        (DependencyOutage, (1, 0), "lasting=0 is not allowed"),
        (DependencyOutages, ("", 1, 1), "dependency='' is not allowed"),
        (Tree, ("t", OneForOne(), []), r"children=\(\) is not allowed"),
        (Tree, ("t", None, ["a"]), "strategy=None is not allowed"),
    ],
)
def test_what_cannot_be_simulated_is_refused(kind, options, problem):
    with pytest.raises(ConfigurationError, match=problem):
        kind(*options)


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Worker, {"restart": "always"}, "restart='always' is not allowed"),
        (Worker, {"mailbox": 0}, "mailbox=0 is not allowed"),
        (Endpoint, {"concurrency": 200}, "max_in_flight=100 is less than"),
    ],
)
def test_options_of_a_child_are_refused(kind, options, problem):
    with pytest.raises(ConfigurationError, match=problem):
        kind("mail", Poisson(1), **options)


def test_all_problems_of_an_endpoint_are_told_at_once():
    wrong: Any = {"retry": 5, "breaker": 0, "mailbox": 0, "overflow": "block"}
    wrong |= {"arrivals": 50, "service": 0.2, "failures": ["rain"]}

    with pytest.raises(ConfigurationError) as caught:
        Endpoint("a/b", **wrong)

    keys = [problem.partition("=")[0] for problem in caught.value.problems]
    assert keys == [
        *("name", "arrivals", "service", "failures[0]"),
        *("overflow", "retry", "breaker", "mailbox"),
    ]


# -- figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confidence", "freedom", "value"),
    [
        (0.95, 1, 12.706),
        (0.95, 2, 4.303),
        (0.95, 3, 3.182),
        (0.95, 9, 2.262),
        (0.99, 9, 3.250),
        (0.95, 100, 1.984),
    ],
)
def test_quantiles_of_students_t(confidence, freedom, value):
    assert student_t(confidence, freedom) == pytest.approx(value, rel=0.002)


def test_a_figure_of_several_runs():
    figure = Figure.of([10.0, 12.0, 14.0])

    assert figure.mean == 12.0
    assert (figure.low, figure.high) == pytest.approx((12 - 4.968, 12 + 4.968), abs=0.01)
    assert str(figure) == "12 (7.032 to 16.97)"


def test_nothing_is_certain_from_one_run():
    figure = Figure.of([3.0])

    assert (figure.low, figure.high, figure.is_certain) == (3.0, 3.0, False)


def test_about_95_of_100_intervals_hold_the_mean():
    draws = Random(7)
    figures = [Figure.of(draws.gauss(5, 2) for _ in range(5)) for _ in range(2000)]

    assert sum(one.low <= 5 <= one.high for one in figures) == pytest.approx(1900, abs=30)


# -- traces ----------------------------------------------------------------------------------------


def trace():
    tries = [
        Try(10, 1, 0.0, 0.1),
        Try(11, 1, 1.0, 0.5, "outage"),
        Try(12, 1, 3.0, 0.5, "outage"),
        Try(11, 1, 5.0, 0.2),
        Try(12, 1, 5.2, 0.2),
        *(Try(13, attempt, 6.0 + attempt, 0.1, "failed") for attempt in (1, 2, 3)),
        Try(14, 1, 10.0, 0.1, "permanent"),
        Try(15, 1, 11.0, 0.1, "failed"),
        Try(15, 2, 12.0, 0.1),
    ]
    arrivals = [(0.0, 10), (1.0, 11), (2.0, 12), (6.0, 13), (10.0, 14), (11.0, 15)]
    return EndpointTrace("mail", arrivals, tries, retry=Retry(attempts=3), concurrency=2)


def test_a_trace_says_when_the_dependency_was_away_and_which_messages_are_poison():
    seen = trace()

    assert seen.outages == [DependencyOutage(1.0, 4.0, fails_after=0.5)]
    assert (seen.poison, seen.permanent) == ({13}, {14})
    assert seen.failure_rate == pytest.approx(1 / 5)


def test_a_trace_becomes_an_endpoint_with_other_settings():
    endpoint = Trace("shop", (trace(),)).model(retry=Retry(attempts=9))[0]

    assert (endpoint.name, endpoint.concurrency, endpoint.retry.attempts) == ("mail", 2, 9)
    assert endpoint.arrivals == RecordedArrivals([0.0, 1.0, 2.0, 6.0, 10.0, 11.0])
    assert endpoint.failures == (
        DependencyOutage(1.0, 4.0, fails_after=0.5),
        Poison(numbers=[3]),
        Poison(numbers=[4], kind="permanent"),
        Independent(0.2),
    )
    assert isinstance(endpoint.service, RecordedService)
    assert endpoint.service.seconds[5, 2] == 0.1


def test_a_call_that_was_under_way_says_when_the_dependency_went_away():
    tries = [Try(0, 1, 1.0, 3.0, "outage"), *(Try(1, 1, at, 0.5, "outage") for at in (4.5, 6.0))]

    seen = EndpointTrace("mail", [(0.0, 0)], [*tries, Try(1, 1, 9.0, 0.1)])

    assert seen.outages == [DependencyOutage(4.0, 5.0, fails_after=0.5)]


OUTCOMES: dict[Verdict | None, Outcome] = {
    None: "ok",
    Verdict.FAILED: "failed",
    Verdict.OUTAGE: "outage",
    Verdict.PERMANENT: "permanent",
}


def test_a_trace_under_its_own_settings_decides_what_was_decided(monkeypatch):
    """Outages, poison messages and permanent failures are found again; what is chance is not."""
    tries, arrivals, end = [], set(), EndpointMember.end

    def note(member, message):
        seconds = member.agenda.now - message.began
        outcome = OUTCOMES[message.verdict]
        arrivals.add((message.arrived, message.number))
        tries.append(Try(message.number, message.attempts + 1, message.began, seconds, outcome))
        end(member, message)

    away, backoff = DependencyOutage(20, 15, fails_after=0.5), Backoff(initial=1)
    poison = [Poison(numbers=[5]), Poison(numbers=[40], kind="permanent")]
    mail = Endpoint("mail", Poisson(3), Fixed(0.2), [away, *poison], backoff=backoff)
    monkeypatch.setattr(EndpointMember, "end", note)
    recorded = simulate(OneForOne(None), [mail], until=60, seed=5)
    monkeypatch.undo()

    trace = EndpointTrace("mail", sorted(arrivals), tries, backoff=backoff)
    again = simulate(OneForOne(None), [trace.endpoint()], until=60, seed=5)

    assert [type(step) for step in again.timeline] == [type(step) for step in recorded.timeline]
    assert [step.at for step in again.timeline] == pytest.approx(
        [step.at for step in recorded.timeline], abs=1e-6
    )
    assert again.total.restarts == recorded.total.restarts > 2


def test_a_dependency_that_did_not_come_back_is_away_to_the_end():
    seen = EndpointTrace("mail", [(0.0, 0)], [Try(0, 1, 1.0, 2.0, "outage")])

    assert seen.outages == [DependencyOutage(1.0, 2.0, fails_after=2.0)]


def test_a_trace_ends_with_its_last_try():
    assert Trace("shop", (trace(),), duration=5.0).until == pytest.approx(12.1)


@pytest.mark.parametrize(
    "arrivals",
    [Poisson(1e308), Every(5e-324), Every(1e-9), Bursts(1.0, 1e308), Poisson(2_000_000.0)],
)
def test_more_messages_than_a_run_can_have_are_refused(arrivals):
    tree = Tree("tree", OneForOne(), [Endpoint("one", arrivals)])
    with pytest.raises(ConfigurationError, match=r"about .* messages would come to 'one' until 60"):
        simulate(OneForOne(), [tree], until=60.0)


def test_a_clock_that_hardly_gets_on_ends_the_simulation(monkeypatch):
    """Such as by a message that fails always, and is tried again after next to nothing."""
    monkeypatch.setattr("supervisors.simulator._agenda.AT_A_TIME", 1000)
    retry = Retry(attempts=10**12, initial=1e-300, maximum=1e-300)
    endpoint = Endpoint("one", Every(1.0), failures=[Independent(1.0)], retry=retry)
    with pytest.raises(ConfigurationError, match="of 60 s there is no end of events, 1000 since"):
        simulate(OneForOne(), [endpoint], until=60.0)


def test_many_events_are_not_without_an_end(monkeypatch):
    monkeypatch.setattr("supervisors.simulator._agenda.AT_A_TIME", 1000)
    endpoint = Endpoint("one", Every(0.001))
    report = simulate(OneForOne(), [endpoint], until=60.0, keep_steps=False)
    assert report.loads[0].handled == 60_001


@pytest.mark.parametrize(
    "failures",
    [DependencyOutages("dependency", 1e-300, 1e-300), FailureBursts(1e-300, 1e-300, 1.0)],
)
def test_more_troubles_than_a_run_can_have_are_refused(failures):
    endpoint = Endpoint("one", Every(1.0), failures=[failures])
    with pytest.raises(ConfigurationError, match="of 'one', every=1e-300, would come more than"):
        simulate(OneForOne(), [endpoint], until=60.0)


@pytest.mark.parametrize(
    ("interval", "until"),
    [(0.0, 9.0), (-1.0, 9.0), (nan, 9.0), (1.0, inf), (1e-300, 9.0)],
)
def test_crashes_without_number_are_not_drawn(interval, until):
    with pytest.raises(ConfigurationError, match="drawn_crashes"):
        drawn_crashes(["one"], interval, until=until)
