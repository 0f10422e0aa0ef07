"""The programs on docs/dynamic-channels.md run as it says, and its tables are complete."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from actorbus import DynamicChannel, StoreChannel
from actorbus.configuration._routing_checks import TENANT_POLICIES

PAGE = Path(__file__).parents[2] / "docs" / "dynamic-channels.md"

REST = """
import trio

async def try_it() -> None:
    async with shop.running():
        await shop.events.publish(FlightDelayed("LH 1", 5), headers={"region": "mars"})
        await by_hand(shop)
        await look_after(shop)
        await shop.idle()

trio.run(try_it)
print(orders.name, calls.name)
"""


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def test_its_programs_run_and_print_what_it_says(page, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [said] = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "page.py"
    program.write_text("\n".join([*blocks, REST]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "PYTHONPATH": str(PAGE.parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    printed = done.stdout

    assert done.returncode == 0, done.stderr
    lines = printed.splitlines()
    assert printed.startswith(said)
    assert sorted(lines[2:]) == [
        "orders calls",
        "shipped LH 1",
        "stored",
        "wrote about LH 1",
        "wrote about LH 400",
        "wrote about LX 8",
    ]


def test_its_options_are_those_that_other_channels_do_not_have(page):
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    own = {one.name for one in fields(DynamicChannel)} - {one.name for one in fields(StoreChannel)}

    assert own <= listed


def test_its_policies_are_those_that_there_are(page):
    listed = re.findall(r'^\| `"([a-z_]+)"` \|', page, re.MULTILINE)

    assert sorted(listed) == sorted(TENANT_POLICIES)
