"""`python -m examples.distributed`: two processes, one store file, and an account that is exact."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("killed", [(), ("--kill",)], ids=["undisturbed", "receiver killed"])
def test_both_services_have_exactly_the_truth_at_the_end(killed):
    """Also when the receiver is ended by kill -9 in the middle: effects go through `tx`."""
    done = run("examples.distributed", *killed)

    assert (done.returncode, done.stderr) == (0, "")
    assert "departures recorded:            1000 of 1000\n" in done.stdout
    assert "letters confirmed:               175 of 175\n" in done.stdout
    assert "dead letter at 'service:notifications': no handler takes the command" in done.stdout
    assert "sent by service 'departures'; did you mean 'notifications.apologise'" in done.stdout
    assert done.stdout.endswith("exactly the truth\n")
    assert ("killed the service" in done.stdout) == bool(killed)


def test_two_terminals_do_the_same_by_the_command_line(tmp_path):
    """Both are started by hand, in any order; a third command sends."""
    store = {"DISTRIBUTED_STORE": f"sqlite:///{tmp_path / 'day.db'}"}
    app = "examples.distributed.{}:bus"
    row = json.dumps({"flight": "UA1", "origin": "EWR", "delay": 200})
    key = "examples.distributed.rows.RecordDeparture"
    sent = run("actorbus", "send", app.format("departures"), key, "--body", row, **store)
    assert sent.returncode == 0

    for name in ("departures", "notifications", "departures"):
        assert run("actorbus", "run", app.format(name), "--once", **store).returncode == 0

    listed = run("actorbus", "list", app.format("notifications"), "--json", **store)
    services = json.loads(listed.stdout)["distributed"]
    assert services["service"] == "notifications"
    assert services["inboxes"] == ["notifications-inbox"]
    assert [one["key"] for one in services["reachable"]] == [
        "departures.#",
        "notifications.apologise",
    ]
    assert services["maps"] == [
        {
            "name": "default",
            "services": [
                {
                    "service": "departures",
                    "channel": "departures-inbox",
                    "events": ["notifications.#"],
                }
            ],
        }
    ]
    shown = run("actorbus", "list", app.format("notifications"), COLUMNS="200", **store).stdout
    for text in ("reached by other services", "service maps", "departures-inbox", "the inbox"):
        assert text in shown
    assert sum(one["ready"] for one in json.loads(listed.stdout)["unknown"]) == 0


def test_an_interrupt_ends_both_services():
    """Nothing is left behind by Ctrl+C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.distributed", "--rows", "27000"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
