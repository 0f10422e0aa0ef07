"""Fixtures over the services: a server starts with the first test that asks for it."""

import itertools
import os
from collections.abc import Callable, Iterator

import pytest

from tests.services import (
    Kafka,
    KafkaCluster,
    KafkaServer,
    PgBouncer,
    Postgres,
    PostgresServer,
    Proxy,
    SecureKafkaServer,
    Services,
)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """All of them; those that nobody asks for never start."""
    with Services() as services:
        yield services


@pytest.fixture(scope="session")
def postgres_server(services: Services) -> Postgres:
    """The PostgreSQL server that tests share."""
    return services.postgres


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[str]:
    """The URL of an empty database on the shared server, gone after the test."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def own_postgres_server(services: Services) -> Iterator[PostgresServer]:
    """A PostgreSQL server that the test may kill and pause; it runs again for the next one."""
    server = services.own_postgres
    yield server
    restore(server)


@pytest.fixture
def own_postgres(own_postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database on the server that may be killed."""
    with own_postgres_server.fresh_database() as url:
        yield url
        restore(own_postgres_server)


@pytest.fixture
def pgbouncer(services: Services) -> PgBouncer:
    """A pooler in transaction mode before the shared server: `pgbouncer.through(postgres)`."""
    return services.pgbouncer


@pytest.fixture(scope="session")
def kafka_server(services: Services) -> Kafka:
    """The Kafka brokers that tests share: `.servers`, `.create_topic(name)`."""
    return services.kafka


@pytest.fixture
def topic(kafka_server: Kafka) -> Iterator[str]:
    """A new topic with four partitions on the shared brokers, gone after the test."""
    name = new_topic()
    kafka_server.create_topic(name)
    yield name
    kafka_server.delete_topic(name)


@pytest.fixture
def own_kafka_server(services: Services) -> Iterator[KafkaServer]:
    """A Kafka server that the test may kill and pause; it runs again for the next one."""
    server = services.own_kafka
    yield server
    restore(server)


@pytest.fixture
def kafka_cluster(services: Services) -> KafkaCluster:
    """Two brokers, of which the test may kill one: `.mortal`, which leads what it led before."""
    services.kafka_cluster.restore()
    return services.kafka_cluster


@pytest.fixture
def secure_kafka_server(services: Services) -> Iterator[SecureKafkaServer]:
    """A Kafka server with a listener that wants TLS and a password; it ends with the test."""
    server = services.secure_kafka
    yield server
    server.stop()


@pytest.fixture
def own_topic(own_kafka_server: KafkaServer) -> str:
    """A new topic with four partitions on the server that may be killed."""
    name = new_topic()
    own_kafka_server.create_topic(name)
    return name


@pytest.fixture
def proxy_to() -> Iterator[Callable[[PostgresServer | PgBouncer | KafkaServer], Proxy]]:
    """Put a proxy before a server of ours: `proxy_to(server).port`, then `hold`, `drop`, ..."""
    proxies: list[Proxy] = []

    def proxy_to(server: PostgresServer | PgBouncer | KafkaServer) -> Proxy:
        proxies.append(Proxy(*server.behind).start())
        return proxies[-1]

    yield proxy_to
    for proxy in proxies:
        proxy.close()


def new_topic() -> str:
    """Return a topic name that no other test has; the topic is not there."""
    return f"test-{os.getpid()}-{next(_numbers)}"


def restore(server: PostgresServer | KafkaServer) -> None:
    """Let a server run again, whatever a test has done to it."""
    if server.running:
        server.resume()
    else:
        server.start()
