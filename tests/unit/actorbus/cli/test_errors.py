"""Errors in the words of the command line, with the exit code that says whose turn it is."""

import pytest

from actorbus._errors import BusConfigurationError, BusStateError, InvalidMessage, Problem
from actorbus._store import SchemaTooNew, StoreLocked
from actorbus.cli._errors import CommandFailed, complaint
from actorbus.cli._exit_codes import ExitCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandFailed("no such thing", ExitCode.APP), ExitCode.APP),
        (InvalidMessage("number: 7 is not text"), ExitCode.REFUSED),
        (StoreLocked("shop.db is locked"), ExitCode.STORE),
        (SchemaTooNew("version 9"), ExitCode.STORE),
        (BusStateError("not running"), ExitCode.FAILURE),
        (RuntimeError("what now"), ExitCode.FAILURE),
    ],
)
def test_each_kind_of_error_has_its_code(error, code):
    found = complaint(error)

    assert code is found.code
    assert str(error) in found.text


def test_all_problems_of_a_configuration_are_details():
    problems = [Problem("shop.py:3, a", "no channel 'x'"), Problem("shop.py:9, b", "twice")]

    found = complaint(BusConfigurationError("shop", problems))

    assert ExitCode.CONFIGURATION is found.code
    assert "bus 'shop' cannot start, 2 problems" == found.text
    assert ("shop.py:3, a: no channel 'x'", "shop.py:9, b: twice") == found.details


def test_the_groups_of_nurseries_are_taken_off():
    inner = ExceptionGroup("tasks", [StoreLocked("shop.db is locked")])

    assert ExitCode.STORE is complaint(ExceptionGroup("tasks", [inner])).code


def test_several_errors_together_stay_a_group():
    group = ExceptionGroup("tasks", [ValueError("one"), ValueError("two")])

    assert "2 sub-exceptions" in complaint(group).text


def test_an_unexpected_error_says_how_to_see_more():
    assert any("--traceback" in detail for detail in complaint(KeyError("x")).details)
