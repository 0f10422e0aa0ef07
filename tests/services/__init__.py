"""Servers for tests: PostgreSQL, PgBouncer and Kafka as processes of their own, and a TCP proxy.

Each listens on free ports of 127.0.0.1 and keeps its data in a temporary folder. What was started
here is stopped by its process id, also when the session that started it is killed.

    make services                      starts PostgreSQL and Kafka, prints their addresses
    make services ARGS='COMMAND'       runs a command with the addresses in its environment

    ACTORBUS_TEST_POSTGRESQL=URL       takes a server that is there: a role that may make databases
    ACTORBUS_TEST_KAFKA=HOST:PORT,...  takes brokers that are there
"""

from tests.services._kafka import Kafka as Kafka
from tests.services._kafka import KafkaServer as KafkaServer
from tests.services._kafka_cluster import KafkaCluster as KafkaCluster
from tests.services._pgbouncer import PgBouncer as PgBouncer
from tests.services._postgresql import Postgres as Postgres
from tests.services._postgresql import PostgresServer as PostgresServer
from tests.services._process import CannotStart as CannotStart
from tests.services._proxy import Proxy as Proxy
from tests.services._secure_kafka import SecureKafkaServer as SecureKafkaServer
from tests.services._session import Services as Services

__all__ = [
    "Services",
    "Postgres",
    "PostgresServer",
    "PgBouncer",
    "Kafka",
    "KafkaServer",
    "KafkaCluster",
    "SecureKafkaServer",
    "Proxy",
    "CannotStart",
]
