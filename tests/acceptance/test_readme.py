"""The README says only what works: its snippets are written to files and run as they stand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
CONSOLE = re.compile(r"<!-- run -->\n```console\n(.*?)```", re.DOTALL)
PROGRAMS = {
    "python": [sys.executable],
    "actorbus": [sys.executable, "-m", "actorbus"],
}
SNIPPETS = dict(FILE.findall(README))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the README's files, which is the working directory and on the path."""
    for name, text in SNIPPETS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    return tmp_path


def run(command, *, cwd):
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def steps():
    """The commands of the blocks that are marked to be run, each with the output shown."""
    for block in CONSOLE.findall(README):
        for step in block.split("$ ")[1:]:
            command, *shown = step.strip().splitlines()
            yield command, shown


def abridged(printed, *, like):
    if like[-1] != "...":
        return printed
    return [*printed[: len(like) - 1], "..."]


def test_the_first_example_fits_on_a_screen():
    lines = [line for line in SNIPPETS["shop.py"].splitlines() if line.strip()]

    assert len(lines) <= 30


def test_the_first_example_prints_what_is_shown(folder):
    """`...` at the end of what is shown stands for more lines."""
    for command, shown in steps():
        done = run(command, cwd=folder)

        assert done.returncode == 0, done.stderr
        assert shown == abridged(done.stdout.splitlines(), like=shown)


def test_the_commands_shown_after_it_work(folder):
    run("python shop.py", cwd=folder)
    commands = [
        line.partition("#")[0].removeprefix("$ ")
        for line in README.splitlines()
        if line.startswith("$ actorbus")
    ]

    codes = {command: run(command, cwd=folder).returncode for command in commands}

    assert len(commands) >= 5
    assert set(codes.values()) == {0}, codes


def test_the_tuning_snippet_declares_a_bus_that_can_start(folder):
    done = run("actorbus list tuned:bus --json", cwd=folder)

    assert done.returncode == 0, done.stderr
    assert '"imports"' in done.stdout


FASTAPI = """
from fastapi.testclient import TestClient
from web import app
with TestClient(app) as client:
    print(client.post("/orders/B-1").json())
"""

DJANGO = """
import django
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls")
django.setup()
from django.test import Client
print(Client().post("/orders/B-2").json())
"""

URLS = """
from django.urls import path
from views import place
urlpatterns = [path("orders/<str:number>", place)]
"""


def test_the_fastapi_application_sends_from_a_request(folder):
    done = run(f"python -c {shlex.quote(FASTAPI)}", cwd=folder)

    assert done.stdout == "{'status': 'order B-1 is placed'}\n", done.stderr


def test_the_django_view_sends_from_a_request(folder):
    (folder / "urls.py").write_text(URLS, encoding="utf-8")

    done = run(f"python -c {shlex.quote(DJANGO)}", cwd=folder)

    assert done.stdout == "{'status': 'order B-2 is placed'}\n", done.stderr
