"""Packages for kinds of messages are optional: nothing of ours imports them."""

import ast
import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules["pydantic"] = None  # importing it raises
from dataclasses import dataclass
import trio
from actorbus import ActorBus

@dataclass(frozen=True)
class Job:
    number: int

bus = ActorBus("shop")
bus.add_channel("mail")

@bus.event_handler(channel="mail")
async def handle(job: Job) -> None:
    print(job)

async def main() -> None:
    async with bus.running():
        await bus.events.publish(Job(1))
        await bus.idle()

trio.run(main)
"""


def test_a_bus_runs_where_pydantic_is_not_installed(tmp_path, request):
    (tmp_path / "shop.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(request.config.rootpath)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("Job(number=1)\n", "")


def imported(path):
    """The top-level packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", ["supervisors", "actors", "actorbus"])
def test_no_file_imports_what_is_only_for_kinds_of_messages(package, request):
    """Trio brings attrs with it, so that a missing import of it would not be seen by running."""
    files = list((request.config.rootpath / package).rglob("*.py"))

    assert files
    assert not {"attr", "attrs", "pydantic"} & {name for file in files for name in imported(file)}
