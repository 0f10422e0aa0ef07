"""Options of children and strategies: what is kept, and what is refused with which words."""

import copy
import dataclasses
from datetime import timedelta
from typing import Any, cast

import pytest

from supervisors import (
    Backoff,
    ChildSpec,
    ConfigurationError,
    Directive,
    Intensity,
    OneForAll,
    OneForOne,
    Redeliver,
    RestForOne,
    check_children,
)


def build():
    """A factory with a name."""


def test_the_defaults_of_a_child():
    spec = ChildSpec(build)

    assert (spec.args, spec.kwargs, spec.name, spec.restart) == ((), {}, None, "transient")
    assert (spec.shutdown_timeout, spec.handler_timeout) == (5.0, None)
    assert (spec.mailbox, spec.disposition) == (None, "dead_letter")
    assert (spec.intensity, spec.backoff, spec.decider) == (None, None, None)
    assert spec.label == "build"


def test_a_child_with_everything():
    spec = ChildSpec(
        build,
        [1, 2],
        {"three": 3},
        "mailer",
        restart="permanent",
        shutdown_timeout=timedelta(seconds=1),
        handler_timeout=timedelta(minutes=1),
        mailbox=object(),
        disposition=Redeliver(),
        intensity=Intensity(1, 2),
        backoff=Backoff(),
        decider={ValueError: Directive.Stop},
    )

    assert (spec.args, spec.kwargs, spec.label) == ((1, 2), {"three": 3}, "mailer")
    assert (spec.shutdown_timeout, spec.handler_timeout) == (1.0, 60.0)


def test_specs_are_values():
    spec = ChildSpec(build, name="mailer", kwargs={"to": "a"})

    assert spec == ChildSpec(build, name="mailer", kwargs={"to": "a"})
    assert hash(spec) == hash(ChildSpec(build, name="mailer", kwargs={"to": "b"}))
    assert dataclasses.replace(spec, name="other").kwargs == {"to": "a"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"  # type: ignore[misc]  # what is tested


def test_arguments_that_change_later_change_nothing():
    kwargs = {"to": "a"}
    spec = ChildSpec(build, kwargs=kwargs)
    kwargs["to"] = "b"

    assert spec.kwargs == {"to": "a"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"restart": "transent"}, "restart='transent'.*did you mean 'transient'"),
        ({"name": "shop/orders"}, "name='shop/orders' is not allowed: give text without '/'"),
        ({"name": ""}, "name='' is not allowed"),
        ({"args": "abc"}, r"args='abc' is not allowed: give a tuple, such as \('abc',\)"),
        ({"args": 1}, "args=1 is not allowed"),
        ({"kwargs": [1]}, r"kwargs=\[1\] is not allowed: give a mapping"),
        ({"shutdown_timeout": -1}, "shutdown_timeout=-1"),
        ({"shutdown_timeout": None}, "shutdown_timeout=None"),
        ({"handler_timeout": 0}, "handler_timeout=0"),
        ({"disposition": "redeliver"}, r"disposition='redeliver'.*Redeliver\(attempts=3\)"),
        ({"intensity": 3}, "intensity=3 is not allowed: give an Intensity"),
        ({"backoff": 1.0}, "backoff=1.0 is not allowed: give a Backoff"),
        ({"decider": {int: Directive.Stop}}, "decider: the key <class 'int'>"),
    ],
)
def test_a_childs_options_are_refused_by_name_and_value(options, words):
    with pytest.raises(ConfigurationError, match=words):
        ChildSpec(build, **options)


def test_a_factory_must_be_callable():
    with pytest.raises(ConfigurationError, match="factory=3 is not allowed: give a class"):
        ChildSpec(3)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("option", [{"backoff": Backoff()}, {"intensity": Intensity()}])
def test_a_temporary_child_with_restart_options_is_refused(option):
    words = "ChildSpec 'mailer': restart='temporary' never restarts.*drop one of them"

    with pytest.raises(ConfigurationError, match=words):
        ChildSpec(build, name="mailer", restart="temporary", **option)


def test_a_backoff_beside_a_limit_of_zero_is_refused():
    with pytest.raises(ConfigurationError, match=r"max_restarts=0.*never restarts.*Backoff"):
        ChildSpec(build, intensity=Intensity(0), backoff=Backoff())


@pytest.mark.parametrize("strategy", [OneForOne, OneForAll, RestForOne])
def test_the_defaults_of_a_strategy(strategy):
    assert strategy() == strategy(
        3, 5.0, on_give_up=None, backoff=Backoff(0.1, 2, 30, 0.2, reset_after=10), decider=None
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_restarts": -1}, "OneForAll: max_restarts=-1.*None never gives up"),
        ({"within": 0}, "within=0 is not allowed"),
        ({"on_give_up": "escalte"}, "on_give_up='escalte'.*did you mean 'escalate'"),
        ({"backoff": 3}, "backoff=3 is not allowed: give a Backoff"),
        ({"decider": {ValueError: 1}}, "decider: the value 1 is not allowed"),
    ],
)
def test_a_strategys_options_are_refused_by_name_and_value(options, words):
    with pytest.raises(ConfigurationError, match=words):
        OneForAll(**options)


def test_all_problems_of_a_strategy_are_reported_at_once():
    wrong: Any = {"on_give_up": "no", "backoff": 1, "decider": {1: 2}}

    with pytest.raises(ConfigurationError) as caught:
        OneForOne(-1, 0, **wrong)

    assert len(caught.value.problems) == 6


def test_what_is_done_on_giving_up_is_left_to_the_place_unless_given():
    assert OneForOne().with_default("stop") == OneForOne(on_give_up="stop")
    assert OneForAll(on_give_up="escalate").with_default("stop").on_give_up == "escalate"


def test_strategies_are_values_of_their_own_kind():
    assert OneForOne() == OneForOne()
    assert len({OneForOne(), OneForAll(), RestForOne()}) == 3
    assert len({RestForOne(decider={KeyError: Directive.Stop}) for _ in range(2)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        OneForOne().within = 1  # type: ignore[misc]  # what is tested


def test_children_must_have_names_of_their_own():
    specs = [ChildSpec(build, name="a"), ChildSpec(build, name="a"), ChildSpec(build)]

    with pytest.raises(ConfigurationError, match="name='a' is used 2 times"):
        check_children(OneForOne(), specs)


def test_a_limit_of_its_own_would_never_act_in_a_group():
    specs = [ChildSpec(build, name="a", intensity=Intensity(1))]

    check_children(OneForOne(), specs)
    with pytest.raises(ConfigurationError, match=r"'a' has Intensity.*RestForOne counts restarts"):
        check_children(RestForOne(), specs)


def test_an_error_that_has_only_a_text():
    assert str(ConfigurationError("the store is gone")) == "the store is gone"


def test_an_error_keeps_its_parts_when_it_is_copied():
    error = copy.copy(ConfigurationError("OneForOne", "a", "b"))

    assert (error.owner, error.problems) == ("OneForOne", ("a", "b"))


def test_keyword_arguments_are_named_by_text():
    with pytest.raises(ConfigurationError, match="kwargs="):
        ChildSpec(dict, kwargs=cast("Any", {1: "one"}))


def test_all_that_is_wrong_with_a_spec_is_named_at_once():
    wrong: dict[str, Any] = {
        "factory": 5,
        "args": "abc",
        "kwargs": 3,
        "name": "a/b",
        "restart": "often",
        "shutdown_timeout": float("nan"),
        "handler_timeout": 0,
        "disposition": "keep",
        "intensity": 3,
        "backoff": 1.0,
        "decider": {int: "stop"},
    }
    with pytest.raises(ConfigurationError) as caught:
        ChildSpec(**wrong)
    keys = [problem.split("=")[0].split(":")[0] for problem in caught.value.problems]
    assert keys == [
        *["factory", "args", "kwargs", "name", "restart", "shutdown_timeout", "handler_timeout"],
        *["disposition", "intensity", "backoff", "decider", "decider"],
    ]
    assert all("not allowed" in problem for problem in caught.value.problems)
