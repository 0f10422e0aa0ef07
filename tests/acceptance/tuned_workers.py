"""Two worker processes, and a change of their supervision while messages fail."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import trio

from tests.acceptance import tuned_app
from tests.acceptance.tuned_app import Mail, bus
from tests.waiting import until

ROOT = Path(__file__).parents[2]
APP = "tests.acceptance.tuned_app:bus"
COMMAND = [sys.executable, "-m", "actorbus"]
FIRST, THEN = range(1, 20, 2), range(101, 131)
"""Mails that fail as declared, for ten minutes; and those that fail as was set."""
SET = (
    *("--retry-attempts", "1000", "--retry-initial", "0.02", "--retry-maximum", "0.05"),
    *("--backoff-initial", "0.02", "--backoff-maximum", "0.05"),
)


class Folder:
    """Where two workers run, and what they wrote down."""

    def __init__(self, path, store):
        self.path = path
        self.logs = [path / "log-1", path / "log-2"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TUNED_STORE": store}
        self.here = {"cwd": path, "env": environment}

    def lines(self, name):
        """Return what was written down: process and number."""
        file = self.path / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [tuple(map(int, line.split())) for line in text.splitlines()]

    def numbers(self, name):
        return sorted(number for _, number in self.lines(name))

    def who_failed_again(self):
        """Return the processes that saw a mail of `THEN` again: sooner than in ten minutes."""
        failures = self.lines(tuned_app.FAILURES)
        seen = Counter((pid, number) for pid, number in failures if number in THEN)
        return {pid for (pid, _), times in seen.items() if times > 1}

    def both_say(self, words):
        return all(words in log.read_text(encoding="utf-8") for log in self.logs)


async def two_workers_are_tuned(store, path):
    """Have all mails of `THEN` delivered once, those of `FIRST` wait, and none be dead."""
    folder = Folder(path, store)
    (path / tuned_app.BROKEN).touch()
    with bus.substituted(store=store):
        async with bus.running("none"):
            await _with_workers(folder)
            (left,) = await bus.store.statistics()
            assert folder.numbers(tuned_app.DELIVERED) == list(THEN)
            assert (left.waiting, left.ready, left.claimed, left.dead) == (len(FIRST), 0, 0, 0)


async def _with_workers(folder):
    with ExitStack() as stack:
        logs = [stack.enter_context(log.open("wb")) for log in folder.logs]
        start = partial(trio.lowlevel.open_process, [*COMMAND, "run", APP], **folder.here)
        workers = [await start(stdout=subprocess.DEVNULL, stderr=log) for log in logs]
        try:
            await _fail_and_tune(folder)
        finally:
            for worker in workers:
                worker.terminate()
            codes = [await worker.wait() for worker in workers]
    assert codes == [0, 0]


async def _fail_and_tune(folder):
    await until(lambda: folder.both_say("consuming"))
    await bus.events.publish_many([Mail(number) for number in FIRST])
    await until(lambda: folder.numbers(tuned_app.FAILURES) == list(FIRST))
    await trio.run_process([*COMMAND, "supervision", "set", APP, "send", *SET], **folder.here)
    await until(lambda: folder.both_say("supervision set by"))
    await bus.events.publish_many([Mail(number) for number in THEN])
    await until(lambda: len(folder.who_failed_again()) == len(folder.logs))
    (folder.path / tuned_app.BROKEN).unlink()
    await until(lambda: len(folder.lines(tuned_app.DELIVERED)) >= len(THEN))
