"""Message types have stable names, which are never looked up by importing."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from actorbus._errors import UnknownMessageType
from actorbus.messages._types import (
    NameTaken,
    TypeRegistry,
    checked_name,
    did_you_mean,
    real_module,
    stable_name,
)


@dataclass
class Placed:
    number: int


@dataclass
class Other:
    number: int


class PlacedTwice(Placed):
    pass


def test_a_class_is_named_by_its_module_and_qualified_name():
    assert TypeRegistry().register(Placed) == f"{__name__}.Placed"


def test_a_class_may_be_given_a_name():
    types = TypeRegistry()

    types.register(Placed, "shop.Placed")

    assert types.name_of(Placed) == "shop.Placed"
    assert types.type_of("shop.Placed") is Placed
    assert "shop.Placed" in types


def test_registering_again_changes_nothing():
    types = TypeRegistry()
    types.register(Placed, "shop.Placed")

    assert types.register(Placed) == "shop.Placed"
    assert types.register(Placed, "shop.Placed") == "shop.Placed"


def test_a_second_name_for_a_class_is_refused():
    types = TypeRegistry()
    types.register(Placed, "a")

    with pytest.raises(NameTaken, match="Placed is registered as 'a' already"):
        types.register(Placed, "b")


def test_a_name_belongs_to_one_class():
    types = TypeRegistry()
    types.register(Placed, "a")

    with pytest.raises(NameTaken, match=r"message name 'a' is taken by .*Placed"):
        types.register(Other, "a")


def test_several_handlers_may_have_their_own_view_of_a_routing_key():
    types = TypeRegistry()
    types.register_view(Placed, "orders.placed")
    types.register_view(dict, "orders.placed")

    assert types.name_of(Placed) == "orders.placed"
    assert types.type_of("orders.placed") is None


def test_an_unknown_name_gets_a_suggestion():
    types = TypeRegistry()
    types.register(Placed, "orders.placed")

    with pytest.raises(UnknownMessageType, match=r"did you mean 'orders.placed'"):
        types.require("orders.plased")


def test_plain_data_without_a_routing_key_is_told_so():
    with pytest.raises(UnknownMessageType, match=r"plain data .dict. needs routing_key="):
        TypeRegistry().name_of(dict)


def test_a_subclass_of_a_registered_class_is_told_so():
    types = TypeRegistry()
    types.register(Placed, "orders.placed")

    with pytest.raises(UnknownMessageType, match=r"only its base 'orders.placed' is"):
        types.name_of(PlacedTwice)


@pytest.mark.parametrize("name", ["", " a", "a ", "x.__main__.Y", 7, None])
def test_names_that_cannot_be_names_are_refused(name):
    with pytest.raises(ValueError, match="is no name"):
        checked_name(name)


def test_locals_are_left_out_of_names():
    def inner():
        pass

    assert stable_name(inner).endswith(".test_locals_are_left_out_of_names.inner")


def test_the_main_module_of_a_package_has_the_packages_name():
    assert real_module("shop.__main__") == "shop"


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from actorbus.messages._types import stable_name
class Placed: pass
print(stable_name(Placed))
"""


def run(*arguments, cwd, program=None):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), done.stderr


def test_a_script_gives_its_own_name_instead_of_main(tmp_path, request):
    (tmp_path / "shop.py").write_text(SCRIPT.format(root=str(request.config.rootpath)))

    assert run("shop.py", cwd=tmp_path)[0] == "shop.Placed"
    assert run("-m", "shop", cwd=tmp_path)[0] == "shop.Placed"


def test_a_package_run_with_m_gives_its_own_name(tmp_path, request):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__main__.py").write_text(SCRIPT.format(root=str(request.config.rootpath)))

    assert run("-m", "shop", cwd=tmp_path)[0] == "shop.Placed"


def test_a_class_of_an_interactive_session_needs_a_name(tmp_path, request):
    errors = run("-", cwd=tmp_path, program=SCRIPT.format(root=str(request.config.rootpath)))[1]

    assert "NoStableName: defined where no other process can find it; give it a name" in errors


def test_did_you_mean_lists_what_is_known():
    assert did_you_mean("notifcations", ["notifications", "reminders"]) == (
        "; did you mean 'notifications'? (known: notifications, reminders)"
    )
    assert did_you_mean("x", []) == " (none is known)"
