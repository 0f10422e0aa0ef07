"""The program on docs/channels.md is one that starts, and what its tables say is so."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from actorbus import ActorBus, KafkaChannel, StoreChannel
from actorbus._settlement import DeadLetterReason

PAGE = Path(__file__).parents[2] / "docs" / "channels.md"


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


async def test_its_program_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "channels_page"}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    bus = names["bus"]

    assert isinstance(bus, ActorBus)
    async with bus.running():
        await bus.events.publish(names["OrderPlaced"]("A-1", "north"))
        await bus.idle()

    assert bus.counters.handled == 2


def test_its_reasons_are_those_that_there_are(page):
    listed = set(re.findall(r"^\| `([a-z ]+)` \|", page.split("## Dead letters")[1], re.MULTILINE))

    assert listed == set(DeadLetterReason) - {DeadLetterReason.UNKNOWN_ENDPOINT}


def test_its_options_are_those_that_there_are(page):
    listed = set(
        re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)))
    )
    known = {one.name for one in fields(StoreChannel)}

    assert known - {"name", "_"} <= listed


def test_it_has_all_options_of_a_channel_on_kafka(page):
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    listed = set(re.findall(r"`([a-z_]+)`", " ".join(rows)))

    assert {one.name for one in fields(KafkaChannel)} - {"name", "_"} <= listed
