"""`actorbus bench` is the benchmarks' own command line, where there are benchmarks."""

import json
import runpy
import sys

import pytest
from typer.testing import CliRunner

import actorbus
from actorbus.cli import _bench
from actorbus.cli._app import app
from actorbus.cli._errors import CommandFailed


def bench(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_it_passes_everything_on_to_the_suites():
    done = bench("list", "--json")

    assert done.exit_code == 0
    assert "embedded" in [suite["name"] for suite in json.loads(done.stdout)]


def test_its_help_is_that_of_the_suites():
    assert "compare" in bench("--help").stdout


def test_what_the_suites_refuse_it_refuses():
    done = bench("run", "drian")

    assert done.exit_code == 2
    assert "drian" in done.output


def test_the_exit_code_is_that_of_the_suites(tmp_path):
    (tmp_path / "a.json").write_text("{}")

    assert bench("plot", str(tmp_path / "a.json")).exit_code == 2


def test_an_installed_package_says_where_the_suites_are(tmp_path, monkeypatch):
    monkeypatch.setattr(actorbus, "__file__", str(tmp_path / "actorbus" / "__init__.py"))

    done = bench("run", "--quick")

    assert done.exit_code == 2
    assert "not part of an installed package" in done.output
    assert f"a copy in {tmp_path}" in done.output
    assert "make dev" in done.output


def test_a_checkout_without_its_tools_says_how_to_install_them(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "_suites.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "benchmarks._cli", None)  # importing it raises

    with pytest.raises(CommandFailed, match="cannot run") as failed:
        _bench._suites(tmp_path)

    assert "make dev" in failed.value.details[0]


def test_so_does_the_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks._cli", None)  # importing it raises

    with pytest.raises(SystemExit, match=r"(?s)cannot run.*make dev"):
        runpy.run_module("benchmarks", run_name="__main__")
