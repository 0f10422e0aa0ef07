"""The search as a whole, on a scenario that costs nothing to run."""

import signal
import subprocess
import sys
from itertools import count

import pytest

from actorbus import Supervision
from actorbus.tuning import differences, search
from actorbus.tuning._evaluating import Limits
from actorbus.tuning._halving import QUICK
from actorbus.tuning._objectives import Comparison
from actorbus.tuning._space import Space
from actorbus.tuning._tuning import _Search
from supervisors import Backoff, ConfigurationError
from tests.unit.actorbus.tuning.probing import Breaking, Probing


def searched(**options):
    options = {"budget": None, "runs": 120, "quick": True} | options
    return search(Probing(), **options)


def test_a_search_is_repeated_by_its_seed():
    assert searched(seed=3).recommended == searched(seed=3).recommended
    assert searched(seed=3).candidates == searched(seed=3).candidates
    assert searched(seed=3).candidates != searched(seed=4).candidates


def test_the_recommended_one_is_no_worse_than_today_and_better_in_something():
    found = searched()

    today, then = found.baseline.costs, found.recommended.costs
    assert then.recovery < today.recovery
    assert then.loss <= today.loss


def test_nothing_is_recommended_that_is_worse_than_today_unless_figures_may_be_traded():
    careful, trading = searched(), searched(trade=True)

    today = careful.baseline.costs
    assert careful.recommended.costs.recovery <= 1.02 * today.recovery
    assert careful.recommended.costs.load <= 1.02 * today.load
    assert trading.recommended.costs.load > 1.1 * today.load
    assert trading.recommended.costs.recovery < careful.recommended.costs.recovery


@pytest.mark.parametrize("runs", [1, 19, 20, 30, 60, 120])
def test_todays_settings_are_run_as_often_as_any_candidate(runs):
    """However early a search is ended there is something to compare with."""
    found = searched(runs=runs, keep=["retry_attempts"], objective={"recovery": 1.0})

    assert found.baseline.runs == max(one.runs for one in found.candidates)
    assert found.recommended.costs.recovery <= 1.02 * found.baseline.costs.recovery


def test_the_front_has_no_candidate_that_another_of_it_beats():
    found = searched()
    points = {(one.costs.recovery, one.costs.load, one.costs.loss) for one in found.front}

    assert found.recommended in found.front
    assert len(points) == len(found.front)


def test_a_single_objective_is_followed_alone():
    assert searched(objective={"load": 1.0}).recommended.costs.load <= 4
    assert searched(objective={"recovery": 1.0}).recommended.costs.recovery < 1.0


def test_the_runs_asked_for_are_those_of_the_search():
    found = searched(runs=100)

    assert (found.searched, found.ended) == (100, "runs")
    assert found.runs > 100


def test_a_search_that_its_budget_ended_is_repeated_by_its_number_of_runs():
    ticks = count()
    asked = iter([False] * 77 + [True] * 10_000)
    cut = searched(runs=None, interrupted=lambda: next(asked) and bool(next(ticks) + 1))
    again = searched(runs=cut.searched)

    assert cut.ended == "interrupted"
    first = [one.settings for one in cut.candidates]
    assert first == [one.settings for one in again.candidates][: len(first)]


def test_an_interruption_keeps_what_there_is_and_skips_the_rest():
    asked = iter([False] * 40 + [True] * 10)

    found = searched(interrupted=lambda: next(asked))

    assert (found.ended, found.runs) == ("interrupted", 41)
    assert "the time was over" in found.explained[0].text


def test_an_interruption_at_once_still_runs_the_settings_of_today():
    found = searched(interrupted=lambda: True)

    assert (found.ended, found.runs) == ("interrupted", 1)
    assert found.recommended == found.baseline


def test_what_changes_no_figure_is_left_as_it_is():
    found = searched()

    changed = {one.knob for one in found.explained if one.changed}
    assert changed <= {
        "backoff_initial",
        "backoff_factor",
        "backoff_maximum",
        "backoff_jitter",
        "backoff_first_immediate",
        "retry_attempts",
    }


def test_the_front_is_without_changes_that_change_no_figure():
    found = search(Probing(poison=0.0), budget=None, runs=60, quick=True)

    changed = {knob for one in found.front for knob in differences(one.settings, Supervision())}
    assert "backoff_maximum" in changed
    assert [knob for knob in changed if not knob.startswith("backoff_")] == []


def test_each_knob_is_explained_by_what_its_neighbours_would_cost():
    texts = {one.knob: one.text for one in searched().explained}

    assert "would change no figure" in texts["retry_maximum"]
    assert "would be" in texts["backoff_maximum"]
    assert " instead of " in texts["backoff_maximum"]
    assert all(text.endswith(".") for text in texts.values())


def test_what_is_to_be_kept_is_neither_changed_nor_explained():
    found = searched(keep=["backoff_maximum", "retry_attempts"])

    assert found.recommended.settings.backoff.maximum == 30.0
    assert "backoff_maximum" not in {one.knob for one in found.explained}


def test_progress_is_told_after_every_run():
    told = []
    found = searched(on_progress=told.append)

    assert [one.runs for one in told] == list(range(1, found.runs + 1))
    assert {one.step for one in told} == {"searching", "refining"}


def test_two_workers_find_what_one_does():
    alone = searched(runs=60)
    together = searched(runs=60, workers=2)

    assert together.recommended == alone.recommended
    assert together.candidates == alone.candidates


KILLED = """
import os, signal
from actorbus.tuning._evaluating import worker_processes
with worker_processes(None, 2) as pool:
    print(*pool.map(abs, [1, 2]), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_worker_processes_end_with_the_one_that_began_them():
    """They hold its stdout, which comes to its end only when all of them have ended."""
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=30)

    assert (out, process.returncode) == ("1 2\n", -signal.SIGKILL)


def test_an_error_of_a_run_is_the_callers():
    with pytest.raises(ZeroDivisionError):
        search(Breaking(), runs=5)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(ConfigurationError) as refused:
        searched(objective={"speed": 1}, budget=0, runs=0, sampler="luck", workers=0)

    words = [problem.split(" is ")[0] for problem in refused.value.problems]
    assert words[1:] == ["budget=0", "runs=0", "workers=0", "sampler='luck'"]


def test_optuna_proposes_and_is_repeated_by_the_seed():
    def found():
        keep = set(Supervision().settings()) - {"backoff_maximum", "backoff_initial"}
        return searched(sampler="optuna", runs=24, seed=2, keep=keep)

    assert found().candidates == found().candidates
    assert found().candidates[0].settings == Supervision()


def test_optuna_that_is_not_installed_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)

    with pytest.raises(ConfigurationError, match=r"pip install actorbus\[tune\]"):
        searched(sampler="optuna")


def test_a_small_grid_is_searched_until_nothing_is_left():
    keep = set(Supervision().settings()) - {"backoff_first_immediate", "breaker"}

    found = searched(keep=keep, runs=None, budget=60.0)

    assert found.ended == "exhausted"
    assert len(found.candidates) == 10


def test_the_code_makes_the_recommended_settings():
    found = searched()
    names = {}
    exec(found.code(), names)

    settings = found.recommended.settings
    assert (names["backoff"], names["retry"], names["breaker"]) == (
        settings.backoff,
        settings.retry,
        settings.breaker,
    )
    strategy = names["strategy"]
    assert (strategy.max_restarts, strategy.within) == (settings.max_restarts, settings.within)


def test_the_command_names_what_changes_and_nothing_else():
    found = searched(keep=set(Supervision().settings()) - {"backoff_maximum"})

    value = found.recommended.settings.backoff.maximum
    expected = f"actorbus supervision set shop:bus shop.mail --backoff-maximum {value:g}"
    assert found.command("shop:bus", "shop.mail") == expected


def test_there_is_no_command_where_nothing_changes():
    found = searched(keep=set(Supervision().settings()) - {"retry_maximum"})

    assert found.command("shop:bus", "mail") == ""


def test_better_candidates_go_on_to_more_runs():
    by_runs = [one.runs for one in searched(runs=18 + 12).candidates]

    assert by_runs[:18].count(1) >= 6
    assert max(by_runs) == QUICK.shown


def test_a_budget_ends_the_search_in_time():
    clock = [0.0]

    class Slow(Probing):
        def run(self, settings, number):
            clock[0] += 1.0
            return super().run(settings, number)

    search_of = _Search(
        Slow(),
        Space.around(Supervision(backoff=Backoff())),
        Comparison({"recovery": 1.0}),
        0,
        quick=True,
        trade=False,
        on_progress=lambda _: None,
    )
    limits = Limits(50.0, clock=lambda: clock[0])
    found = search_of.run(limits, None, "grid", 1)

    assert found.ended == "budget"
    assert found.searched == 30
    assert found.seconds <= 50.0
