"""Finding the bus that APP names."""

import sys

import pytest

from actorbus import ActorBus
from actorbus.cli._errors import CommandFailed
from actorbus.cli._target import load


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module of that name into a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


def refusal(app):
    with pytest.raises(CommandFailed) as refused:
        load(app)
    return " | ".join((refused.value.text, *refused.value.details))


BUS = "from actorbus import ActorBus\nbus = ActorBus('shop')\n"


def test_a_bus_is_found_by_module_and_name(module):
    module("target_plain", BUS)

    assert isinstance(load("target_plain:bus"), ActorBus)


def test_a_name_may_have_dots(module):
    module("target_dotted", BUS + "class Apps:\n    main = bus\n")

    assert isinstance(load("target_dotted:Apps.main"), ActorBus)


def test_a_factory_is_called(module):
    module("target_factory", BUS + "def make():\n    return bus\n")

    assert isinstance(load("target_factory:make()"), ActorBus)


def test_a_factory_that_fails_is_named_with_the_line(module):
    module("target_failing", BUS + "def make():\n    raise OSError('no settings')\n")

    said = refusal("target_failing:make()")

    assert "calling 'target_failing:make()' failed: OSError: no settings" in said
    assert "line 4" in said


def test_a_factory_that_exits_is_named_too(module):
    module("target_exiting", BUS + "def make():\n    raise SystemExit(9)\n")

    assert "calling 'target_exiting:make()' failed: SystemExit: 9" in refusal(
        "target_exiting:make()"
    )


def test_a_factory_that_makes_something_else_is_refused(module):
    module("target_other", BUS + "def make():\n    return 7\n")

    assert "is an int, not an ActorBus" in refusal("target_other:make()")


def test_a_module_without_a_bus_says_so(module):
    module("target_empty", "x = 1\n")

    assert "module 'target_empty' has no ActorBus" in refusal("target_empty:bus")


def test_a_missing_part_of_a_package_is_named(module, tmp_path):
    (tmp_path / "target_package").mkdir()
    (tmp_path / "target_package" / "__init__.py").touch()

    assert "no module 'target_package.shop'" in refusal("target_package.shop:bus")
