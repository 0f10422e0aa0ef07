"""What `actorbus tune` recommends can be set in a running system: knob by knob, by its name."""

import typer

from actorbus.cli._app import app
from actorbus.options._supervision import OPTIONS, Supervision
from actorbus.tuning import KNOBS

COMMANDS = typer.main.get_command(app).commands["supervision"].commands  # type: ignore[attr-defined]  # it is a group


def test_each_knob_is_an_option_of_the_command_and_of_the_bus():
    options = {option for one in COMMANDS["set"].params for option in one.opts}
    assert {f"--{knob.option}" for knob in KNOBS.values()} <= options
    assert set(KNOBS) == set(OPTIONS)


def test_the_settings_of_an_endpoint_have_these_names_and_change_nothing_of_it():
    supervision = Supervision()
    assert tuple(supervision.settings()) == OPTIONS
    assert supervision.changed(supervision.settings() | {"retry_attempts": 5}) == supervision
