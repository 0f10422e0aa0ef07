"""What `actorbus` says when something is wrong, and with which exit code."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.acceptance.command_line import ROOT, CommandLine


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine.at(tmp_path)


def test_a_module_that_is_not_there_is_named_with_the_place_looked_in(actorbus):
    done = actorbus("list", "shopp:bus")

    assert done.code == 3
    assert "no module 'shopp'" in done.err
    assert str(actorbus.folder) in done.err


def test_a_module_that_cannot_be_imported_is_named_with_error_and_line(actorbus):
    actorbus.write("broken.py", "import shop\n\nresult = 1 / 0\n")

    done = actorbus("list", "broken:bus")

    assert done.code == 3
    assert "importing 'broken' failed: ZeroDivisionError: division by zero" in done.err
    assert "broken.py, line 3: result = 1 / 0" in done.err
    assert "Traceback" not in done.err


def test_a_module_missing_inside_the_application_is_not_mistaken_for_app(actorbus):
    actorbus.write("broken.py", "import not_installed\n")

    done = actorbus("list", "broken:bus")

    assert done.code == 3
    assert "importing 'broken' failed: ModuleNotFoundError" in done.err
    assert "broken.py, line 1" in done.err


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_channel_that_is_misspelt_where_it_is_paused_is_named_with_a_close_one(actorbus, command):
    actorbus("send", "shop:bus", "shop.PlaceOrder", "--body", '{"number": "A-1"}')

    done = actorbus(command, "shop:bus", "notifcations")

    assert done.code == 2
    assert "no channel 'notifcations'; did you mean 'notifications'?" in done.err


def test_a_rows_number_given_for_a_dead_letters_id_is_told(actorbus):
    actorbus("send", "shop:bus", "shop.PlaceOrder", "--body", '{"number": "A-1"}')

    done = actorbus("deadletter", "replay", "shop:bus", "1")

    assert done.code == 1
    assert "1 is a row's number (for --after), give its id" in done.err


@pytest.mark.parametrize("command", ["list", "tree", "deadletter list"])
def test_looking_works_while_what_the_services_need_is_down(actorbus, command):
    actorbus("send", "shop:bus", "shop.PlaceOrder", "--body", '{"number": "A-1"}')
    actorbus.write("down.py", SERVICE_THAT_CANNOT_BE_MADE)

    done = actorbus(*command.split(), "down:bus")

    assert done.code == 0, done.err


SERVICE_THAT_CANNOT_BE_MADE = """
from shop import bus

def connect() -> str:
    raise ConnectionError("down")

bus.provide(str, connect)
"""


def test_a_syntax_error_in_the_application_is_shown_with_its_line(actorbus):
    actorbus.write("broken.py", "def f(:\n")

    done = actorbus("list", "broken:bus")

    assert done.code == 3
    assert "broken.py" in done.err
    assert "SyntaxError" in done.err


def test_a_module_that_exits_when_imported_is_no_application(actorbus):
    actorbus.write("leaves.py", "raise SystemExit('no')\n")

    done = actorbus("list", "leaves:bus")

    assert done.code == 3
    assert "importing 'leaves' failed: SystemExit: no" in done.err


def test_a_name_that_the_module_lacks_gets_a_suggestion_and_its_buses(actorbus):
    done = actorbus("list", "shop:buss")

    assert done.code == 3
    assert "has no 'buss'; did you mean 'bus'?" in done.err
    assert "buses in it: shop:bus" in done.err


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("place_order", "the function place_order"),
        ("PlaceOrder", "the class PlaceOrder"),
        ("os", "the module os"),
    ],
)
def test_what_is_no_bus_is_described(actorbus, name, what):
    done = actorbus("list", f"shop:{name}")

    assert done.code == 3
    assert f"is {what}, not an ActorBus" in done.err
    assert "buses in it: shop:bus" in done.err


@pytest.mark.parametrize(
    ("app", "hint"),
    [
        ("shop", "write for example shop:bus"),
        ("shop.py:bus", "APP names a module: shop:bus"),
        ("apps/shop.py", "APP names a module: apps.shop:bus"),
    ],
)
def test_an_app_of_another_form_is_answered_with_the_right_one(actorbus, app, hint):
    done = actorbus("list", app)

    assert done.code == 2
    assert hint in done.err


def test_a_function_that_makes_the_bus_is_called_when_it_is_written_so(actorbus):
    actorbus.write("factory.py", "import shop\ndef make():\n    return shop.bus\n")

    assert actorbus("list", "factory:make()").code == 0
    done = actorbus("list", "factory:make")
    assert done.code == 3
    assert "if it makes one, write factory:make()" in done.err


def test_a_channel_that_nobody_declared_gets_a_suggestion(actorbus):
    done = actorbus("run", "shop:bus", "notifcations")

    assert done.code == 2
    assert "no channel 'notifcations'; did you mean 'notifications'?" in done.err


BADLY_DECLARED = """
from dataclasses import dataclass
from actorbus import ActorBus

bus = ActorBus("wrong", store="sqlite:///wrong.db")

@dataclass(frozen=True)
class Do:
    what: str

@bus.command_handler
async def first(command: Do) -> None: ...

@bus.command_handler
async def second(command: Do) -> None: ...

@bus.event_handler(channel="nowhere")
async def third(event: Do) -> None: ...

class Opaque:
    def __init__(self, socket): ...

@bus.command_handler
async def fourth(command: Opaque) -> None: ...
"""


def test_all_that_is_declared_wrongly_is_listed_with_its_places(actorbus):
    """Two handlers of one command, an unknown channel, a type that no body converts to."""
    actorbus.write("wrong.py", BADLY_DECLARED)

    done = actorbus("run", "wrong:bus", "--once")

    assert done.code == 4
    for place in ("first", "second", "third", "fourth"):
        assert place in done.err
    assert "nowhere" in done.err
    assert "wrong.py:" in done.err
    assert "Traceback" not in done.err


def test_json_errors_are_one_document_on_stdout_and_words_on_stderr(actorbus):
    done = actorbus("list", "shop:buss", "--json")

    assert done.code == 3
    assert 3 == done.json["error"]["code"]
    assert "did you mean 'bus'" in done.json["error"]["message"]
    assert "did you mean 'bus'" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "shop:bus", "--for", "soon"), "soon"),
        (("list",), "Missing argument 'APP'"),
        (("list", "shop:bus", "--jsn"), "No such option: --jsn"),
        (("lst", "shop:bus"), "No such command 'lst'"),
        (("schedule", "run", "shop:bus"), "Missing argument 'NAME'"),
    ],
)
def test_a_wrong_command_line_is_a_json_document_too(actorbus, arguments, message):
    done = actorbus(*arguments, "--json")

    assert done.code == 2
    assert done.json["error"]["code"] == 2
    assert message in done.json["error"]["message"]
    assert message in done.err


@pytest.mark.parametrize("arguments", [("list", "shop:bus"), ("list", "shop:bus", "--json")])
def test_a_closed_standard_output_is_refused_in_a_line(actorbus, arguments):
    command = shlex.join([sys.executable, "-m", "actorbus", *arguments])
    done = subprocess.run(
        ["sh", "-c", f"{command} >&-"],
        cwd=actorbus.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == "error: the standard output is closed; give it a place, such as a file\n"


def test_other_closed_streams_are_no_obstacle(actorbus):
    """A line of stdin is a message, and there are none; what would be remarked is not."""
    command = shlex.join([sys.executable, "-m", "actorbus", "send", "shop:bus", "shop.PlaceOrder"])
    done = subprocess.run(
        ["sh", "-c", f"{command} <&- 2>&-"],
        cwd=actorbus.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "sent 0 of shop.PlaceOrder\n")


def test_a_traceback_is_shown_on_demand_only(actorbus):
    actorbus.write("broken.py", "result = 1 / 0\n")

    done = actorbus("list", "broken:bus", "--traceback")

    assert done.code == 3
    assert "Traceback (most recent call last)" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "shop:bus", "--for", "soon"),
        ("run", "shop:bus", "--memory-limit", "much"),
        ("run", "shop:bus", "--limit", "0"),
        ("send", "shop:bus", "shop.PlaceOrder", "--header", "tenant"),
        ("deadletter", "list", "shop:bus", "--reason", "bad luck"),
        ("deadletter", "delete", "shop:bus"),
        ("frobnicate",),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_no_traceback(actorbus, arguments):
    done = actorbus(*arguments)

    assert done.code == 2, done.err
    assert "Traceback" not in done.err


def test_a_file_that_is_no_database_is_refused_with_its_name(actorbus):
    actorbus.write("shop.db", "these are not the bytes of a database\n" * 50)

    done = actorbus("list", "shop:bus")

    assert done.code == 5
    assert "shop.db" in done.err
    assert "Traceback" not in done.err


def test_help_and_version_need_no_application(actorbus):
    assert "deadletter" in actorbus("--help").out
    assert actorbus("--version").out.startswith("actorbus ")


def test_a_reader_that_has_gone_is_no_error_with_a_traceback(actorbus):
    with actorbus.start("list", "shop:bus") as process:
        process.stdout.close()

        assert "Traceback" not in process.stderr.read()
