"""Pykka's own tests hold for our actors, but for those that contradict the design.

Those are listed in `docs/pykka.md`, and `tests/runtime/test_pykka_deviations.py` tests what holds
in their place. Each test of the suite also runs with Pykka's own actors, in the same process.
"""

import re

import pytest

from tests.pykka import suite

TESTS = 152
DEVIATIONS = {
    "test_actor.py::test_actor_is_stopped_when_unhandled_exceptions_are_raised",
    "test_actor.py::test_all_actors_are_stopped_on_base_exception",
    "test_actor.py::test_on_failure_failure_causes_actor_to_stop",
    "test_logging.py::test_base_exception_is_logged",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("handlers", ["plain", "async"])
def test_pykkas_suite_fails_only_where_the_design_says_so(handlers, tmp_path):
    outcome = suite.run(handlers, tmp_path)

    assert outcome.failed == DEVIATIONS, outcome.output
    assert len(outcome.passed) + len(outcome.failed) == TESTS
    assert outcome.theirs_failed == set(), "Pykka's own actors beside ours"
    (made_async,) = re.findall(r"methods made async: (\d+)", outcome.output)
    assert (int(made_async) >= 30) == (handlers == "async")


def test_each_deviation_is_listed_in_the_page_with_its_reason():
    page = (suite.ROOT / "docs" / "pykka.md").read_text()

    listed = set(re.findall(r"`(test_\w+\.py::test_\w+)`", page))

    assert listed == DEVIATIONS
