"""`actorbus run` when its database server is away at the start."""

import signal
from urllib.parse import urlsplit

import pytest

from tests.acceptance.command_line import CommandLine
from tests.services._ports import HOST, free_port
from tests.services._proxy import Proxy

APP = """
from actorbus import ActorBus

bus = ActorBus("shop", "{url}")
bus.add_channel("mail")
"""


@pytest.fixture
def actorbus(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture
def port(actorbus, postgres):
    """Where the application looks for its server; nobody is there."""
    port = free_port()
    address = urlsplit(postgres)
    netloc = f"{address.username}@{HOST}:{port}"
    actorbus.write("shop.py", APP.format(url=address._replace(netloc=netloc).geturl()))
    return port


def read_until(stream, words):
    """Read lines until one has the words; what is read when the process ends is all of it."""
    lines = []
    for line in stream:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def test_run_waits_for_a_server_that_is_away(actorbus, port, postgres):
    """It says so, and works once the server is there."""
    address = urlsplit(postgres)
    process = actorbus.start("run", "shop:bus")
    try:
        waiting = read_until(process.stderr, "tried again")
        proxy = Proxy((address.hostname, address.port), port).start()
        try:
            read_until(process.stderr, "consuming mail")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        finally:
            proxy.close()
    finally:
        process.kill()
        process.wait()

    assert "cannot be reached" in waiting
    assert process.returncode == 0, err
    assert "stopped: a signal" in out


def test_a_signal_ends_the_wait_in_order(actorbus, port):
    process = actorbus.start("run", "shop:bus", "--json")
    read_until(process.stderr, "tried again")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 0, err
    assert '"ending": "signal"' in out


def test_a_server_that_stays_away_for_too_long_ends_the_run(actorbus, port):
    done = actorbus("run", "shop:bus", "--store-wait", "0.3s")

    assert done.code == 5
    assert done.err.count("tried again") == 1


def test_what_somebody_has_to_mend_is_not_waited_for(actorbus, postgres):
    address = urlsplit(postgres)._replace(path="/no_such_database")
    actorbus.write("shop.py", APP.format(url=address.geturl()))
    done = actorbus("run", "shop:bus")

    assert done.code == 5
    assert "no such database" in done.err
    assert "tried again" not in done.err
