"""From an exception to a directive, and how the kind of the child bends it."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors import (
    EFFECTIVE,
    ConfigurationError,
    Decider,
    Directive,
    decide,
    default_decider,
    fails_on_ask,
    leaves,
)

RESUME, RESTART = Directive.Resume, Directive.Restart
STOP, ESCALATE = Directive.Stop, Directive.Escalate


@pytest.mark.parametrize(
    ("exception", "directive"),
    [
        (ValueError(), RESTART),
        (KeyboardInterrupt(), STOP),
        (SystemExit(), STOP),
        (BaseException(), STOP),
        (asyncio.CancelledError(), RESTART),
    ],
)
def test_by_default_an_exception_restarts_and_any_other_base_exception_stops(exception, directive):
    assert directive is default_decider(exception)
    assert directive is decide(exception)


def test_the_nearest_class_in_the_mro_decides():
    rules = {Exception: STOP, OSError: ESCALATE, ConnectionError: RESUME}

    assert RESUME is decide(ConnectionResetError(), rules)
    assert ESCALATE is decide(FileNotFoundError(), rules)
    assert STOP is decide(KeyError(), rules)


def test_what_one_decider_leaves_open_goes_to_the_next_and_then_to_the_default():
    child, strategy = {KeyError: RESUME}, {LookupError: STOP}

    assert RESUME is decide(KeyError(), child, strategy)
    assert STOP is decide(IndexError(), child, strategy)
    assert RESTART is decide(ValueError(), child, strategy)
    assert RESTART is decide(ValueError(), None, None)


def test_a_function_decides_or_leaves_it_open():
    def rules(exception):
        return ESCALATE if "disk" in str(exception) else None

    assert ESCALATE is decide(ValueError("disk full"), rules)
    assert RESTART is decide(ValueError("else"), rules)


def test_a_group_is_judged_by_its_leaves_and_the_severest_wins():
    rules = {KeyError: RESUME, OSError: ESCALATE}
    group = BaseExceptionGroup("outer", [KeyError(), ExceptionGroup("inner", [KeyError()])])

    assert RESUME is decide(group, rules)
    assert STOP is decide(BaseExceptionGroup("", [group, KeyboardInterrupt()]), rules)
    assert ESCALATE is decide(BaseExceptionGroup("", [OSError(), SystemExit(), group]), rules)


def test_leaves_come_from_left_to_right():
    a, b, c, d = (ValueError(letter) for letter in "abcd")
    group = ExceptionGroup("", [a, ExceptionGroup("", [b, ExceptionGroup("", [c])]), d])

    assert [a, b, c, d] == list(leaves(group))


def test_deep_groups_do_not_exhaust_the_stack():
    group: Exception = ValueError("leaf")
    for _ in range(5000):
        group = ExceptionGroup("", [group])

    assert RESUME is decide(group, {ValueError: RESUME})


BY_SEVERITY = [RESUME, RESTART, STOP, ESCALATE]
TYPES = {ValueError: RESUME, KeyError: RESTART, OSError: STOP, EOFError: ESCALATE}

leaf = st.sampled_from(list(TYPES))
trees = st.recursive(leaf, lambda inner: st.lists(inner, min_size=1, max_size=3))


def build(node):
    return ExceptionGroup("", [build(one) for one in node]) if isinstance(node, list) else node()


def flat(node):
    return [kind for one in node for kind in flat(one)] if isinstance(node, list) else [node]


@given(trees)
def test_no_nesting_hides_the_severest_leaf(tree):
    severest = max(BY_SEVERITY.index(TYPES[kind]) for kind in flat(tree))

    assert BY_SEVERITY[severest] is decide(build(tree), TYPES)


def test_severity_grows_from_resume_to_escalate():
    assert sorted(Directive, key=lambda one: one.severity) == BY_SEVERITY


def test_a_failed_ask_is_the_actors_failure_only_if_its_type_is_named():
    rules = {OSError: STOP, Exception: RESTART}

    assert fails_on_ask(ConnectionError(), rules)
    assert fails_on_ask(ExceptionGroup("", [KeyError(), OSError()]), rules)
    assert fails_on_ask(OSError(), None, rules)
    assert not fails_on_ask(KeyError(), rules)
    assert not fails_on_ask(OSError(), lambda _: STOP)
    assert not fails_on_ask(OSError())


def test_what_is_no_exception_is_always_the_actors_failure():
    assert fails_on_ask(KeyboardInterrupt())
    assert fails_on_ask(BaseExceptionGroup("", [ValueError(), SystemExit()]))


def test_a_cancelled_error_that_an_ask_is_answered_with_is_a_failure_like_any_exception():
    assert not fails_on_ask(asyncio.CancelledError())
    assert not fails_on_ask(BaseExceptionGroup("", [ValueError(), asyncio.CancelledError()]))
    assert fails_on_ask(asyncio.CancelledError(), {asyncio.CancelledError: STOP})


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"ValueError": STOP}, "the key 'ValueError' is not allowed: give an exception type"),
        ({int: STOP}, "the key <class 'int'>"),
        ({ValueError: "stop"}, r"the value 'stop' is not allowed: give one of Directive\.Resume"),
        ({ExceptionGroup: STOP}, "ExceptionGroup would never be looked up.*leaves"),
        (STOP, "is not allowed: give a mapping or a function"),
    ],
)
def test_rules_are_refused_by_name_and_value(rules, words):
    with pytest.raises(ConfigurationError, match=words):
        Decider(rules)


def test_a_function_that_returns_anything_else_is_named():
    def rules(exception) -> Any:
        return "restart"

    with pytest.raises(ConfigurationError, match="returned 'restart': return a Directive"):
        decide(ValueError(), rules)


def test_a_mapping_that_changes_later_changes_nothing():
    rules = {ValueError: STOP}
    decider = Decider(rules)
    rules[ValueError] = RESUME

    assert STOP is decide(ValueError(), decider)


# The table of design section 4, written by hand: permanent, transient, temporary.
TABLE: dict[Any, tuple[Directive, ...]] = {
    RESUME: (RESUME, RESUME, RESUME),
    RESTART: (RESTART, RESTART, STOP),
    STOP: (STOP, STOP, STOP),
    ESCALATE: (ESCALATE, ESCALATE, ESCALATE),
    "failed start: resume": (RESTART, RESTART, STOP),
    "stopped itself": (RESTART, STOP, STOP),
}


@pytest.mark.parametrize("ending", TABLE)
def test_the_directive_comes_first_and_then_the_kind(ending):
    by_kind = (
        EFFECTIVE[ending, "permanent"],
        EFFECTIVE[ending, "transient"],
        EFFECTIVE[ending, "temporary"],
    )

    assert TABLE[ending] == by_kind


def test_the_decision_table_has_no_other_rows():
    assert len(EFFECTIVE) == 3 * len(TABLE)
