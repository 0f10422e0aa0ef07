"""Pages whose parts make one program: it is put together, run, and prints what is shown."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import anyio
import pytest

from actorbus import Ending, FailedMessage, GatewayOptions, Limits, interceptors
from actorbus.declaring._channel import FINAL_FAILURES

ROOT = Path(__file__).parents[2]
PART = re.compile(r"<!-- part: shop.py -->\n```python\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python shop.py\n(.*?)```", re.DOTALL)

PROGRAMS = [
    "batches",
    "coming-from-celery",
    "coming-from-ecotone",
    "coming-from-symfony-messenger",
    "consuming",
    "delivery-options",
    "errors",
    "flow-control",
    "gateways",
    "interceptors",
]


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def run(path):
    return subprocess.run(
        [sys.executable, path.name],
        cwd=path.parent,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_prints_what_the_page_shows(tmp_path, name):
    program = tmp_path / "shop.py"
    program.write_text("\n\n".join(PART.findall(page(name))), encoding="utf-8")

    done = run(program)

    assert done.stderr == ""
    assert [done.stdout] == SHOWN.findall(page(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_other_block_runs_by_itself(tmp_path, name):
    others = set(BLOCK.findall(page(name))) - set(PART.findall(page(name)))
    for number, block in enumerate(sorted(others)):
        program = tmp_path / f"block_{number}.py"
        program.write_text(block, encoding="utf-8")

        assert run(program).stderr == ""


def test_the_options_of_gateways_are_those_that_there_are():
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ", page("gateways"), re.MULTILINE)

    assert set(re.findall(r"`([a-z_]+)`", " ".join(rows))) == set(GatewayOptions.__annotations__)


def test_a_worker_that_is_triggered_by_http_answers_with_what_it_handled(tmp_path, monkeypatch):
    """The FastAPI block of the page on consuming; with nothing stored it handled nothing."""
    monkeypatch.chdir(tmp_path)
    [block] = [one for one in BLOCK.findall(page("consuming")) if "FastAPI" in one]
    names: dict[str, Any] = {"__name__": "worker_page"}
    exec(compile(block, "consuming.md", "exec"), names)

    async def main() -> Any:
        async with names["lifespan"](names["app"]):
            return await names["work"]()

    assert anyio.run(main, backend="asyncio") == {"handled": 0}


def test_every_limit_is_on_the_page():
    limits = {field.name for field in fields(Limits)}

    assert limits == set(re.findall(r"^\| `(\w+)=[^`]*` \| `--", page("consuming"), re.MULTILINE))
    assert [ending.name for ending in Ending if ending.name not in page("consuming")] == []


def test_the_built_in_interceptors_are_all_named():
    text = page("interceptors")

    assert [name for name in interceptors.__all__ if name not in text and name != "Passage"] == []


def test_what_is_said_of_failed_messages_and_final_failures_is_so():
    text = page("errors")
    named = set(re.findall(r"`([a-z_]+)[(`]", text.split("| `FailedMessage` | is |")[1]))
    known = {name for name in vars(FailedMessage) if not name.startswith("_")}

    assert {*known, *_ATTRIBUTES} - {"settlement", "content_type"} <= named
    assert set(re.findall(r'^\| `"([a-z]+)"`', text, re.MULTILINE)) == set(FINAL_FAILURES)


_ATTRIBUTES = ("attempts", "channel", "endpoint", "exception", "history", "reason", "tenant")
