"""What holds where our actors differ from Pykka's on purpose; `docs/pykka.md` says why.

Each test is named after the test of Pykka's suite that fails.
"""

import logging
import re
import threading
from pathlib import Path
from typing import Any

import pykka
import pytest

from actors import Actor


class Fragile(Actor):
    """Fails when it is told an exception, and keeps what else it is told."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_start(self):
        self.seen.append("on_start")

    def on_failure(self, exception_type, exception_value, traceback):
        self.seen.append(("on_failure", self.actor_ref.is_alive()))

    def on_stop(self):
        self.seen.append(("on_stop", self.actor_ref.is_alive()))

    def on_receive(self, message):
        if isinstance(message, BaseException):
            raise message
        self.seen.append(message)
        return threading.current_thread().name


@pytest.fixture
def spawn():
    """Starts actors in the default system, and stops them."""
    refs = []

    def start(*args):
        refs.append(Fragile.start(*args))
        return refs[-1]

    yield start
    for ref in refs:
        ref.stop()


def test_actor_is_restarted_when_unhandled_exceptions_are_raised(spawn):
    """In place of test_actor_is_stopped_when_unhandled_exceptions_are_raised."""
    seen: list[object] = []
    ref = spawn(seen)

    ref.tell(ValueError("told"))
    ref.ask("still there")

    assert seen == ["on_start", ("on_failure", True), "on_start", "still there"]
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) == ref


def test_on_failure_failure_does_not_end_the_actor_either(spawn):
    """In place of test_on_failure_failure_causes_actor_to_stop: it is alive throughout."""

    class FailsTwice(Fragile):
        def on_failure(self, *args):
            super().on_failure(*args)
            raise RuntimeError("on_failure failure")

    seen: list[object] = []
    ref = FailsTwice.start(seen)
    ref.tell(ValueError("told"))
    ref.ask("still there")
    ref.stop()

    assert seen == [
        "on_start",
        ("on_failure", True),
        "on_start",
        "still there",
        ("on_stop", False),
    ]


def test_one_actor_alone_is_stopped_on_base_exception(spawn):
    """In place of test_all_actors_are_stopped_on_base_exception."""
    seen: list[object] = []
    failing, other = spawn(seen), spawn([])

    failing.tell(BaseException("told"))
    failing.terminated().get(timeout=5)

    assert not failing.is_alive()
    assert seen == ["on_start", ("on_failure", True)]
    assert other.ask("still there")


def test_base_exception_is_logged_as_an_error_of_its_actor(spawn, caplog):
    """In place of test_base_exception_is_logged, which expects that all actors are stopped."""
    ref = spawn([])

    with caplog.at_level(logging.DEBUG, "pykka"):
        ref.tell(BaseException("told"))
        ref.terminated().get(timeout=5)

    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [f"Unhandled exception in {ref}:"] == [record.getMessage() for record in errors]
    assert errors[0].exc_info[0] is BaseException
    assert not any("Stopping all actors" in record.getMessage() for record in caplog.records)


def test_a_temporary_actor_ends_at_its_first_failure_as_in_pykka():
    class Once(Fragile, restart="temporary"):
        pass

    ref = Once.start([])
    ref.tell(ValueError("told"))

    ref.terminated().get(timeout=5)
    assert not ref.is_alive()


def test_the_example_in_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "pykka.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    lines = code.splitlines()
    shown = {line.partition("# '")[0]: line.partition("# ")[2] for line in lines if "# '" in line}

    names: dict[str, Any] = {}
    exec("\n".join(line for line in lines if "stop_all" not in line), names)
    try:
        answers = {code: repr(eval(code, names)) for code in shown}
    finally:
        names["pykka"].ActorRegistry.stop_all()

    assert answers == shown
    assert len(shown) == 2
