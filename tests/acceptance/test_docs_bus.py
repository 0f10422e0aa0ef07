"""The page on the bus is a program: its parts are put together, run, and print what is shown."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actorbus import ActorBus, Transaction

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bus.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
PART = re.compile(r"<!-- part: shop.py -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python shop.py\n(.*?)```", re.DOTALL)


def test_the_program_prints_what_the_page_shows(tmp_path):
    (tmp_path / "shop.py").write_text("\n\n".join(PART.findall(PAGE)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert [done.stdout] == SHOWN.findall(PAGE)


def test_every_other_block_runs_by_itself():
    for block in set(BLOCK.findall(PAGE)) - set(PART.findall(PAGE)):
        exec(compile(block, "bus.md", "exec"), {"__name__": "bus_page"})


async def test_a_row_is_read_as_a_tuple_or_by_name():
    bus = ActorBus("shop")
    rows: list[Any] = []

    @bus.command_handler("look")
    async def look(command: dict[str, str], tx: Transaction) -> None:
        rows.append(await tx.fetch_one("SELECT 7 AS number, 'open' AS state"))
        rows.extend(await tx.fetch("SELECT 7 AS number, 'open' AS state"))

    async with bus.running():
        await bus.commands.send({}, routing_key="look")

    assert [(row["number"], row[1], tuple(row)) for row in rows] == [(7, "open", (7, "open"))] * 2


async def test_an_id_that_was_sent_with_success_is_not_run_again_by_a_synchronous_handler():
    """A first try that failed is: its caller was told."""
    bus, tries = ActorBus("shop"), []

    @bus.command_handler("charge")
    async def charge(command: dict[str, str]) -> int:
        tries.append(command)
        if len(tries) == 1:
            raise ValueError("no answer")
        return len(tries)

    async def send():
        return await bus.commands.send({}, routing_key="charge", message_id="row-7")

    async with bus.running():
        with pytest.raises(ValueError, match="no answer"):
            await send()
        answers = [await send(), await send()]

    assert (answers, len(tries)) == ([2, None], 2)
