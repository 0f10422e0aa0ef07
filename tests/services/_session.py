"""The services of one session: each started when first asked for, all stopped at its end."""

import os
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self, TypeVar

import psycopg

from tests.services._kafka import Kafka, KafkaServer
from tests.services._kafka_cluster import KafkaCluster
from tests.services._keeper import Keeper
from tests.services._pgbouncer import PgBouncer
from tests.services._ports import accepts
from tests.services._postgresql import QUICK, Postgres, PostgresServer
from tests.services._process import CannotStart
from tests.services._secure_kafka import SecureKafkaServer

POSTGRESQL = "ACTORBUS_TEST_POSTGRESQL"
KAFKA = "ACTORBUS_TEST_KAFKA"


class Server(Protocol):
    """What is started and removed here."""

    def start(self) -> None:
        """Start it and wait until it answers."""

    def remove(self) -> None:
        """Stop it and remove its folder."""


S = TypeVar("S", bound=Server)


class Services:
    """A context manager: servers are made in its folder, and are gone after it."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="actorbus-services-"))
        self._folder.chmod(0o755)  # a server that root starts runs as another user
        self._keeper = Keeper(self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            for server in reversed(self._servers):
                server.remove()
        finally:
            self._keeper.close()

    @cached_property
    def postgres(self) -> Postgres:
        """The server that tests share: the environment's, or one of ours."""
        url = os.environ.get(POSTGRESQL)
        if url:
            return _reached(url)
        return self._start(lambda folder, keeper: PostgresServer(folder, keeper, QUICK))

    @cached_property
    def own_postgres(self) -> PostgresServer:
        """One that tests may kill, with PostgreSQL's own settings for what is safe."""
        return self._start(PostgresServer)

    @cached_property
    def kafka(self) -> Kafka:
        """The brokers that tests share: the environment's, or one of ours."""
        servers = os.environ.get(KAFKA)
        return _accepting(servers) if servers else self._start(KafkaServer)

    @cached_property
    def own_kafka(self) -> KafkaServer:
        """One that tests may kill."""
        return self._start(KafkaServer)

    @cached_property
    def kafka_cluster(self) -> KafkaCluster:
        """Two brokers, of which tests may kill one."""
        return self._start(KafkaCluster)

    @cached_property
    def secure_kafka(self) -> SecureKafkaServer:
        """One with a listener that wants TLS and a password."""
        return self._start(SecureKafkaServer)

    @cached_property
    def pgbouncer(self) -> PgBouncer:
        """A pooler in front of the server that tests share, in transaction mode."""
        return self._start(lambda folder, keeper: PgBouncer(self.postgres, folder, keeper))

    def _start(self, make: Callable[[Path, Keeper], S], tries: int = 3) -> S:
        """Start a server; one that loses its port to another program is made anew."""
        server = make(Path(tempfile.mkdtemp(dir=self._folder)), self._keeper)
        self._servers.append(server)
        try:
            server.start()
        except CannotStart as error:
            if tries == 1 or "in use" not in str(error):
                raise
            return self._start(make, tries - 1)
        return server


def _reached(url: str) -> Postgres:
    """Return the server of the environment, once it has answered."""
    server = Postgres(url)
    try:
        server.fetch("SELECT 1")
    except psycopg.OperationalError as error:
        raise CannotStart(f"{POSTGRESQL}: {error}") from error
    return server


def _accepting(servers: str) -> Kafka:
    """Return the brokers of the environment, if one of them accepts connections."""
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if accepts(int(port), host):
            return Kafka(servers)
    raise CannotStart(f"{KAFKA}={servers}: no connection")
