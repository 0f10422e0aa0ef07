"""The servers that tests get: apart from each other, killed whole, gone with their session."""

import asyncio
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.services import CannotStart, Kafka, Proxy, Services
from tests.services._kafka import in_asyncio
from tests.services._packages import install
from tests.services._trees import descendants, started_at

ROOT = Path(__file__).parents[2]


def test_each_test_has_a_database_of_its_own_which_is_dropped_after_it(postgres_server):
    with postgres_server.fresh_database() as one, postgres_server.fresh_database() as other:
        postgres_server.fetch("CREATE TABLE seen (name TEXT)", url=one)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert postgres_server.fetch(tables, url=one) == [("seen",)]
        assert postgres_server.fetch(tables, url=other) == []

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres_server.fetch("SELECT 1", url=one)


def test_a_killed_postgresql_leaves_no_process_and_starts_again_with_what_was_committed(
    own_postgres_server, own_postgres
):
    own_postgres_server.fetch("CREATE TABLE kept AS SELECT 1 AS number", url=own_postgres)
    with psycopg.connect(own_postgres) as connection:
        everybody = [own_postgres_server.pid, *descendants(own_postgres_server.pid)]
        own_postgres_server.kill()
        assert connection.info.backend_pid in everybody
        assert [pid for pid in everybody if started_at(pid)] == []
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    own_postgres_server.start()

    assert own_postgres_server.fetch("SELECT number FROM kept", url=own_postgres) == [(1,)]


def test_a_paused_postgresql_answers_when_it_goes_on(own_postgres_server, own_postgres):
    answers = []
    own_postgres_server.pause()
    asked = threading.Thread(
        target=lambda: answers.extend(own_postgres_server.fetch("SELECT 1", url=own_postgres))
    )
    asked.start()
    asked.join(0.2)
    before = list(answers)
    own_postgres_server.resume()
    asked.join(30)

    assert (before, answers) == ([], [(1,)])


def test_a_terminated_backend_loses_its_connection(own_postgres_server, own_postgres):
    with psycopg.connect(own_postgres) as connection:
        assert own_postgres_server.terminate_backends() == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_pgbouncer_lends_one_connection_to_two_clients_in_turn(pgbouncer, postgres):
    url = pgbouncer.through(postgres)
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        backends = []
        for client in (one, other):
            backends += client.execute("SELECT pg_backend_pid()").fetchall()
            client.commit()

    assert backends[0] == backends[1]


def test_a_killed_kafka_starts_again_with_its_records(own_kafka_server, own_topic):
    produce(own_kafka_server.servers, own_topic, b"first")
    own_kafka_server.restart()
    produce(own_kafka_server.servers, own_topic, b"second")

    assert read(own_kafka_server.servers, own_topic, 2) == [b"first", b"second"]


def test_clients_that_reach_kafka_through_a_proxy_stay_behind_it(
    own_kafka_server, own_topic, proxy_to
):
    """The server tells them the proxy's address, also after it was started again."""
    proxy = proxy_to(own_kafka_server)
    produce(proxy.address, own_topic, b"first")

    assert read(proxy.address, own_topic, 1) == [b"first"]
    assert proxy.accepted > 2


def test_a_topic_is_there_and_no_other_is_made_by_asking_for_it(kafka_server, topic):
    produce(kafka_server.servers, topic, b"body")

    assert read(kafka_server.servers, topic, 1) == [b"body"]
    with pytest.raises(TimeoutError):
        produce(kafka_server.servers, "nowhere", b"body", within=1.0)


@pytest.fixture
def echo():
    """A server that says what it hears."""

    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(1000):
                self.request.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address
        server.shutdown()


@pytest.fixture
def proxy(echo):
    proxy = Proxy(echo).start()
    yield proxy
    proxy.close()


def test_a_proxy_forwards_what_it_held_when_it_goes_on(proxy, connect):
    client = connect(proxy)
    assert said(client, b"one") == b"one"

    proxy.hold()
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        said(client, b"two")
    assert proxy.open == 1

    proxy.forward()
    client.settimeout(30)
    assert client.recv(10) == b"two"


def test_a_proxy_that_holds_accepts_connections_and_says_nothing(proxy, connect):
    proxy.hold()
    client = connect(proxy)
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        said(client, b"one")

    proxy.forward()
    client.settimeout(30)
    assert client.recv(10) == b"one"


def test_a_proxy_that_drops_resets_its_connections_and_takes_new_ones(proxy, connect):
    client = connect(proxy)
    said(client, b"one")

    proxy.drop()

    assert proxy.open == 0
    with pytest.raises(ConnectionResetError):
        client.recv(10)
    assert said(connect(proxy), b"two") == b"two"


def test_a_proxy_that_delays_passes_each_piece_on_later(proxy, connect):
    proxy.delay = 0.05
    began = time.monotonic()

    assert said(connect(proxy), b"one") == b"one"
    assert time.monotonic() - began >= 0.1, "there and back"


def test_a_proxy_closes_one_side_when_the_other_does(proxy, connect):
    client = connect(proxy)
    said(client, b"one")
    client.shutdown(1)

    assert client.recv(10) == b""


@pytest.fixture
def connect():
    clients = []

    def connect(proxy):
        clients.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=30))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def said(client, text):
    client.sendall(text)
    return client.recv(10)


SESSION = """
import sys
from tests.services import Services

with Services() as services:
    server = services.own_postgres
    print(server.pid, server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, None], ids=str)
def test_servers_are_gone_when_their_session_is(end):
    """Killed, interrupted, or at its end; and the folder with them."""
    with subprocess.Popen(
        [sys.executable, "-c", SESSION],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as session:
        assert session.stdin is not None
        assert session.stdout is not None
        pid, folder = session.stdout.readline().decode().split()
        assert started_at(int(pid))
        if end is None:
            session.stdin.close()
        else:
            session.send_signal(end)
        session.wait(30)
    deadline = time.monotonic() + 30
    while (started_at(int(pid)) or Path(folder).parent.exists()) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not started_at(int(pid))
    assert not Path(folder).parent.exists()


def test_a_server_named_in_the_environment_is_taken(monkeypatch, postgres_server, kafka_server):
    monkeypatch.setenv("ACTORBUS_TEST_POSTGRESQL", postgres_server.url)
    monkeypatch.setenv("ACTORBUS_TEST_KAFKA", kafka_server.servers)
    with Services() as services:
        assert services.postgres.url == postgres_server.url
        assert services.postgres.fetch("SELECT 1") == [(1,)]
        assert services.kafka.servers == kafka_server.servers
        assert type(services.kafka) is Kafka


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACTORBUS_TEST_POSTGRESQL", "postgresql://127.0.0.1:1/postgres"),
        ("ACTORBUS_TEST_KAFKA", "127.0.0.1:1"),
    ],
)
def test_a_service_that_cannot_be_had_fails_the_run(name, value):
    done = subprocess.run(
        [sys.executable, "-m", "tests.services", "echo", "ran"],
        cwd=ROOT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "ran\n" in done.stdout) == (1, False)
    assert name in done.stderr


def test_what_to_install_is_said_where_it_cannot_be_installed(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(CannotStart, match="apt-get install pgbouncer default-jre-headless maven"):
        install()


def produce(servers, topic, body, within=30.0):
    async def send():
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            await asyncio.wait_for(producer.send_and_wait(topic, body, partition=0), within)

    in_asyncio(send)


def read(servers, topic, count):
    async def receive():
        async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            return [(await consumer.getone()).value for _ in range(count)]

    return in_asyncio(receive)
