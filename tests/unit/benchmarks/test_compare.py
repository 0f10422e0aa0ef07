"""Two runs side by side: ratios with their spread, what is noise, what cannot be compared."""

import io
import math
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from benchmarks._cli import app
from benchmarks._compare import compare
from benchmarks._compare_report import by_chance, show
from benchmarks._document import Entry, new
from benchmarks._measure import Result, Series
from benchmarks._ratio import _orders, _rank, ratio
from benchmarks._scenario import Scenario
from benchmarks._settings import Settings

RATES = (100.0, 101.0, 99.0, 100.5, 99.5)
POSITIVE = st.lists(st.floats(0.1, 1000), min_size=1, max_size=6)


def entry(*series, sizes=(30,), **knobs):
    scenario = Scenario("an insert", "effectively once", knobs)
    return Entry("embedded", "", scenario, sizes, 1.0, Result("drain", series, []))


def document(*entries, **settings):
    return new(Settings(**settings), entries, {})


def rates(*values, unit="/s"):
    return Series("rate", unit, values)


def compared(before, after, unit="/s"):
    [figure] = compare(
        document(entry(rates(*before, unit=unit))), document(entry(rates(*after, unit=unit)))
    ).figures
    return figure


def test_names_are_whole_on_a_narrow_terminal():
    name = "send_and_handle_in_a_transaction"
    series = Series(name, "each", RATES)
    comparison = compare(document(entry(series)), document(entry(series)))
    written = io.StringIO()

    show(Console(file=written, width=60), comparison)

    lines = written.getvalue().splitlines()
    cells = [line.split("│")[2].strip() for line in lines if line.startswith("│")]
    assert "".join(cells) == name


# -- the ratio -------------------------------------------------------------------------------------


def test_the_ratio_is_the_median_of_all_pairs():
    found = ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0])

    assert (found.value, found.low, found.high) == (2.0, 0.5, 8.0)


@pytest.mark.parametrize(
    ("rounds", "confidence"),
    [(1, 0.0), (2, 1 - 2 / 6), (3, 0.9), (4, 1 - 2 / 70), (5, 1 - 8 / 252)],
)
def test_few_rounds_cannot_promise_much(rounds, confidence):
    values = [float(number) for number in range(1, rounds + 1)]

    assert ratio(values, values).confidence == pytest.approx(confidence)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (4, 3), (5, 5)])
def test_the_distribution_of_the_test_is_that_of_all_orders(first, second):
    """Counted by hand: each order of two samples has one value of U, and all are as likely."""
    counted = [0] * (first * second + 1)
    for places in combinations(range(first + second), first):
        counted[sum(places) - first * (first - 1) // 2] += 1

    assert counted == [_orders(first, second, number) for number in range(len(counted))]


@given(before=POSITIVE, after=POSITIVE)
def test_the_ratio_lies_in_its_interval_and_turns_round_with_the_samples(before, after):
    found, back = ratio(before, after), ratio(after, before)

    assert found.low <= found.value * (1 + 1e-12)
    assert found.value <= found.high * (1 + 1e-12)
    assert math.isclose(found.value, 1 / back.value)
    assert math.isclose(found.low, 1 / back.high)


def test_more_rounds_make_the_interval_narrower_at_the_same_confidence():
    assert _rank(10, 10)[0] > _rank(5, 5)[0]
    assert all(0.95 <= _rank(rounds, rounds)[1] < 1 for rounds in range(4, 15))


@pytest.mark.parametrize("values", [[], [0.0], [-1.0, 2.0]])
def test_there_is_no_ratio_of_nothing(values):
    with pytest.raises(ValueError, match="no ratio"):
        ratio([1.0], values)


# -- figures ---------------------------------------------------------------------------------------


def test_a_rate_that_is_doubled_is_better():
    assert compared(RATES, [2 * one for one in RATES]).verdict == "better"


def test_a_time_that_is_doubled_is_worse():
    assert compared(RATES, [2 * one for one in RATES], unit="ms").verdict == "worse"


def test_noise_that_is_larger_than_the_difference_is_said():
    assert compared(RATES, [one * 1.001 for one in RATES]).verdict == "within the noise"


def test_two_rounds_are_too_few_to_say_anything():
    assert compared([1.0, 1.0], [5.0, 5.1]).verdict == "too few rounds"


def test_figures_that_are_counted_and_the_same_are_equal():
    assert compared([0.0, 0.0], [0.0, 0.0]).verdict == "equal"


def test_worse_by_a_share_means_all_of_the_interval():
    figure = compared(RATES, [0.9 * one for one in RATES])

    assert figure.worse_by(0.05)
    assert not figure.worse_by(0.1)


def test_figures_that_differ_by_chance_are_estimated():
    figures = compare(document(entry(rates(*RATES))), document(entry(rates(*RATES))))

    assert ["0 of 1 figures differ; about 0.0 of them would if nothing had changed."] == [
        *by_chance(figures)
    ]


# -- what cannot be compared -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (document(entry(rates(1.0))), document(entry(rates(1.0), sizes=(9,))), "sizes 30, then 9"),
        (document(entry(rates(1.0))), document(entry(rates(1.0)), quick=True), "--quick in one"),
        (
            document(entry(rates(1.0), max_in_flight=100)),
            document(entry(rates(1.0), max_in_flight=400)),
            "max_in_flight 100, then 400",
        ),
        (document(entry(rates(1.0))), document(entry(rates(1.0, unit="ms"))), "unit '/s'"),
        (document(entry(rates(1.0))), document(entry(rates(1.0)), cpu_time=True), "--cpu-time"),
    ],
)
def test_other_settings_are_refused_figure_by_figure(before, after, reason):
    comparison = compare(before, after)

    assert not comparison.figures
    assert [(one.workload, one.figure) for one in comparison.refused] == [("drain", "rate")]
    assert reason in comparison.refused[0].reason


def test_another_machine_or_version_is_a_warning():
    before = document(entry(rates(1.0)))
    after = replace(
        before,
        machine={**before.machine, "cores": "64"},
        versions={**before.versions, "python": "3.99"},
    )

    comparison = compare(before, after)

    assert len(comparison.figures) == 1
    assert [one.partition(" ")[0] for one in comparison.warnings] == ["machine:", "version:"]
    assert comparison.warnings[0].endswith("then 64")


def test_a_figure_that_only_one_has_is_a_warning():
    other = Series("other", "/s", (1.0,))

    comparison = compare(document(entry(rates(1.0))), document(entry(rates(1.0), other)))

    assert comparison.warnings == ["only in the second: drain: other"]


def test_values_of_nothing_have_no_ratio_and_are_no_error():
    before, after = (document(entry(rates(*values))) for values in ([0.0, 1.0], [1.0, 2.0]))

    comparison = compare(before, after)

    assert not comparison.figures
    assert not comparison.refused
    assert comparison.warnings == ["drain: rate: values of 0 or less, which have no ratio"]


# -- the command -----------------------------------------------------------------------------------


def run(tmp_path, before, after, *options):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, one in zip(files, (before, after), strict=True):
        file.write_text(one.to_json())
    return CliRunner().invoke(app, ["compare", *map(str, files), *options])


def test_the_exit_code_says_whether_something_is_worse(tmp_path):
    before, after = (
        document(entry(rates(*(share * one for one in RATES)))) for share in (1.0, 0.8)
    )

    codes = {
        options: run(tmp_path, before, after, *options).exit_code
        for options in ((), ("--fail-over", "10"), ("--fail-over", "30"))
    }

    assert codes == {(): 0, ("--fail-over", "10"): 1, ("--fail-over", "30"): 0}


def test_what_is_refused_is_named_and_ends_badly(tmp_path):
    done = run(tmp_path, document(entry(rates(1.0))), document(entry(rates(1.0)), quick=True))

    assert done.exit_code == 1
    assert "not compared: drain: rate: --quick in one of them" in done.output


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{}")

    done = CliRunner().invoke(app, ["compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")])

    assert done.exit_code == 2
    assert "format 'actorbus-benchmarks'" in done.output
