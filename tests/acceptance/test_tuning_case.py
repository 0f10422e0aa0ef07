"""The worked case of docs/tuning.md: what the simulator says happens, and is what is written."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import trio
import trio.testing

from actorbus import Supervision
from examples.flights.tuning import RUNS, SEED, difference, main, simulated, tuned
from examples.flights.tuning_run import Case, Found, run_on_a_bus
from supervisors import Backoff

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text("utf-8")
TUNED = Supervision(backoff=Backoff(1.0, 2.0, 2.0, reset_after=60.0, first_immediate=False))
SHORT = Case(away=5.0, after=1.03, interval=0.2)
MICROSECOND = 1e-6


def lived_through(case, settings, seed):
    """The case on a real bus, on virtual time."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(run_on_a_bus, case, settings, seed, ":memory:", clock=clock)


@pytest.mark.parametrize("seed", [1, 2, SEED])
@pytest.mark.parametrize("settings", [Supervision(), TUNED], ids=["default", "tuned"])
def test_simulated_and_real_restarts_are_equal_to_the_microsecond(settings, seed):
    there, here = simulated(SHORT, settings, seed), lived_through(SHORT, settings, seed)

    assert len(here.restarted) >= 2
    assert here.restarted == pytest.approx(there.restarted, abs=MICROSECOND)
    assert here.sick == pytest.approx(there.sick, abs=MICROSECOND)
    assert here.recovery == pytest.approx(there.recovery, abs=MICROSECOND)
    assert (here.calls_while_away, here.handled) == (there.calls_while_away, there.handled)
    assert (here.lost, there.lost) == (0, 0)


def shown(name):
    """What the page shows of the command's output."""
    found = re.search(rf"<!-- worked case: {name} -->\n```\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_page_shows_what_the_search_finds():
    found = tuned(Case(), RUNS, SEED)

    assert found.recommended.settings == TUNED
    assert shown("code") == found.code()
    assert shown("reasons").splitlines() == [one.text for one in found.explained if one.changed]


def test_the_page_shows_the_simulated_figures_and_they_are_within_a_fifth_of_the_real_ones():
    rows = re.findall(r"^\| (\w+)" + r" \| ([\d.]+)" * 4 + r" \|$", PAGE, re.MULTILINE)
    default, after = (simulated(Case(), one, SEED) for one in (Supervision(), TUNED))

    assert [row[0] for row in rows] == ["restarts", "calls", "recovery", "handled", "lost"]
    for name, *figures in rows:
        attribute = "calls_while_away" if name == "calls" else name
        expected = [f"{getattr(one, attribute):.3g}" for one in (default, after)]
        assert [figures[0], figures[2]] == expected
        assert difference(*map(float, figures[:2])) <= 0.2
        assert difference(*map(float, figures[2:])) <= 0.2


def test_the_example_of_the_page_runs():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(example, "docs/tuning.md", "exec"), {})

    assert "(it was 0.1 s): with " in out.getvalue()
    assert "backoff = Backoff(" in out.getvalue()


FOUND = Found(sick=(), restarted=(1.0,), calls_while_away=8, recovery=2.0, handled=5, lost=0)


@pytest.mark.parametrize(("recovery", "code"), [(2.4, 0), (2.6, 1)])
def test_the_command_ends_with_1_if_reality_is_further_than_a_fifth_away(
    monkeypatch, capsys, recovery, code
):
    async def run(case, settings, seed, store):
        return Found((), (1.1,), 8, recovery, 5, 0)

    module = "examples.flights.tuning"
    monkeypatch.setattr("sys.argv", ["tuning", "--runs", "3"])
    monkeypatch.setattr(f"{module}.run_on_a_bus", run)
    monkeypatch.setattr(f"{module}.simulated", lambda *_: FOUND)

    assert main() == code
    assert "the largest difference" in capsys.readouterr().out
