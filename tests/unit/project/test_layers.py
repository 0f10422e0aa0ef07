"""The contracts in pyproject.toml catch what they are there for, on a small tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"

MODULES = [
    "supervisors/__init__.py",
    "actors/__init__.py",
    "actorbus/__init__.py",
    "actorbus/channels/__init__.py",
    "actorbus/stores/__init__.py",
]

ALLOWED = {
    "actors/_supervisor.py": "import supervisors, threading, time, trio",
    "actorbus/_bus.py": "import actors, supervisors",
    "actorbus/channels/kafka.py": "import aiokafka",
    "actorbus/stores/__init__.py": "import sqlite3",
    "actorbus/stores/postgresql/_pool.py": "import asyncpg",
}

LAYERS = "Imports go one way"
DECISIONS = "supervisors decides"
DRIVERS = "Drivers appear only"

REFUSED = [
    ("supervisors/_backoff.py", "import actors", LAYERS),
    ("supervisors/_backoff.py", "def later():\n    import actorbus", LAYERS),
    ("actors/_loop.py", "from actorbus import channels", LAYERS),
    ("supervisors/_backoff.py", "from time import monotonic", DECISIONS),
    ("supervisors/strategies/__init__.py", "import trio", DECISIONS),
    ("supervisors/_backoff.py", "import asyncio.events", DECISIONS),
    ("supervisors/_backoff.py", "import threading", DECISIONS),
    ("supervisors/_backoff.py", "import socket", DECISIONS),
    ("supervisors/_backoff.py", "import anyio", DECISIONS),
    ("actorbus/_bus.py", "import sqlite3", DRIVERS),
    ("actorbus/cli/_list.py", "from asyncpg.exceptions import PostgresError", DRIVERS),
    ("actors/_bridge.py", "import aiokafka", DRIVERS),
]


@pytest.fixture
def tree(tmp_path):
    """A project of three packages whose imports are all allowed."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path in MODULES:
        write(tmp_path / path, "")
    for path, source in ALLOWED.items():
        write(tmp_path / path, source)
    return tmp_path


def write(path, source):
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_text(source)


def lint(tree):
    command = [sys.executable, "-c", LINT, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_a_tree_that_keeps_the_layers_passes(tree):
    result = lint(tree)

    assert "3 kept, 0 broken" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


@pytest.mark.parametrize(("path", "source", "contract"), REFUSED)
def test_an_import_against_the_layers_is_refused_by_its_contract(tree, path, source, contract):
    write(tree / path, source)

    result = lint(tree)

    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    assert [line.startswith(contract) for line in broken] == [True], result.stdout + result.stderr
    assert result.returncode == 1
