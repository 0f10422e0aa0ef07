"""What a terminal of 80 columns shows: no word is broken, no option's name cut off."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from actorbus.cli._app import app
from actorbus.cli._output import Output
from actorbus.cli._tune_report import _figure

COLUMNS = ("endpoint", "channel", "ready", "dead")


def printed(rows, width, title="endpoints"):
    output = Output(as_json=False)
    written = io.StringIO()
    output.stdout = Console(file=written, width=width, highlight=False)
    output.table(title, COLUMNS, rows, right=2)
    return written.getvalue()


def test_a_table_that_fits_is_a_table():
    text = printed([("shop.send_confirmation", "mail", 1, 0)], width=80)

    assert "│ shop.send_confirmation │ mail    │     1 │    0 │" in text


def test_a_table_that_would_break_words_has_a_line_for_each_cell():
    rows = [("shop.send_[1]", "mail of the day", 1, None), ("shop.other", None, 0, 0)]

    assert printed(rows, width=30).splitlines() == [
        "endpoints",
        "endpoint  shop.send_[1]",
        "channel   mail of the day",
        "ready     1",
        "",
        "endpoint  shop.other",
        "ready     0",
        "dead      0",
        "",
    ]


def test_long_text_is_wrapped_between_words():
    text = printed([("shop.mail", "one word after the other " * 3, 1, 0)], width=60)

    assert "│ shop.mail │" in text


@pytest.mark.parametrize("option", ["--backoff-reset-after", "--no-backoff-first-immediate"])
def test_help_has_the_whole_name_of_each_option_of_supervision_set(option, monkeypatch):
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    monkeypatch.setenv("COLUMNS", "80")

    assert option in CliRunner().invoke(app, ["supervision", "set", "--help"]).output


@pytest.mark.parametrize(
    ("value", "text"), [(0.1714, "0.171"), (12.34, "12.3"), (428.4, "428"), (1512.6, "1,513")]
)
def test_figures_of_a_search_are_no_powers_of_ten(value, text):
    assert _figure(value, 3) == text
