"""kill -9 at every point between a message's claim and what follows from it, hit on purpose."""

import signal

import pytest

from actorbus import Letter
from tests.faults.recorder_app import Record
from tests.faults.recording import (
    assert_each_is_there_once,
    ended,
    rows,
    until_recorded,
    watcher,
    workers,
)

MESSAGES = 40
VICTIM = 7

pytestmark = [pytest.mark.slow]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/recorder.db"
    return request.getfixturevalue("postgres")


@pytest.fixture
async def bus(url):
    async with watcher(url) as bus:
        await bus.commands.send_many(
            Letter(Record(number, pause=0.3 if number == VICTIM else 0.0))
            for number in range(MESSAGES)
        )
        yield bus


@pytest.fixture
def start(url):
    with workers() as start:
        yield start


@pytest.mark.parametrize(
    ("point", "is_there"), [("claim committed", 0), ("before commit", 0), ("after commit", 1)]
)
async def test_a_process_killed_there_leaves_all_or_nothing_to_another(
    bus, url, start, point, is_there
):
    """Before the commit there is no row and no event, after it both; another process does the rest.

    The row is looked at right after the death: what is there then was committed. Nothing else
    commits at that moment: records are handled one at a time, and this one takes a while.
    """
    worker = start(url, "records", die=f"{VICTIM}@{point}", concurrency=1)
    assert await ended(worker) == -signal.SIGKILL
    assert (await rows(bus, "recorded"))[VICTIM] == is_there

    await until_recorded(bus, MESSAGES, start(url))

    await assert_each_is_there_once(bus, MESSAGES)
