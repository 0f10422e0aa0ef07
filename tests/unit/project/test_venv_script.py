"""`.ci/venv` installs when there is something to install, and leaves it alone otherwise."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Stands for an interpreter: notes its arguments, makes environments with itself inside; its pip
# fails while there is a file `offline`.
PYTHON = """#!/bin/sh
echo "$@" >> calls
case "$1 $2" in
    "-m venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip") [ ! -e offline ] ;;
esac
"""


class Project:
    """A folder with the script, settings, and an interpreter that only takes notes."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy(ROOT / ".ci" / "venv", folder / ".ci")
        self.settings = folder / "pyproject.toml"
        self.settings.write_text("[project]\n")
        self.python = folder / "python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def install(self, what="runtime", python=None):
        command = [self.folder / ".ci" / "venv", what]
        environment = os.environ | {"PYTHON": str(python or self.python)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def installed(self):
        """What pip was asked to install since the last look."""
        notes = self.folder / "calls"
        calls = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return [call.partition(" install ")[2] for call in calls if " install " in call]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_the_first_run_installs_and_the_second_does_nothing(project):
    first = project.install()

    assert first.returncode == 0, first.stderr
    assert project.installed() == ["--editable ."]

    assert project.install().stderr == ""
    assert project.installed() == []


def test_changed_settings_are_installed_again(project):
    project.install()
    project.installed()

    project.settings.write_text("[project]\nversion = '2'\n")
    project.install()

    assert project.installed() == ["--editable ."]


def test_the_development_tools_come_on_top_and_hold_the_runtime(project):
    project.install("dev")
    assert project.installed()[-1] == "--editable . --group dev"

    project.install("runtime")
    assert project.installed() == []


def test_an_installation_that_failed_is_tried_again(project):
    (project.folder / "offline").touch()
    assert project.install().returncode != 0
    project.installed()

    (project.folder / "offline").unlink()
    assert project.install().returncode == 0
    assert project.installed() == ["--editable ."]


def test_an_environment_that_does_not_run_is_made_anew(project):
    project.install()
    (project.folder / ".venv" / "bin" / "python").write_text("#!/no/such/interpreter\n")

    again = project.install()

    assert again.returncode == 0, again.stderr
    assert "Making .venv" in again.stderr


def test_a_python_that_will_not_do_is_named_with_what_is_needed(project):
    result = project.install(python="/no/such/python")

    assert result.returncode == 1
    assert "needs Python 3.11" in result.stderr
    assert "PYTHON=/no/such/python" in result.stderr


def test_an_unknown_argument_is_refused_by_name(project):
    result = project.install("everything")

    assert result.returncode == 2
    assert "not 'everything'" in result.stderr
