"""Workers of the flights on PostgreSQL and Kafka that are started many times, to be killed.

They are forked from a process that has all modules, so that a start costs next to nothing.
"""

import logging
import multiprocessing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import trio

import actorbus.channels.kafka._session
import actorbus.stores.postgresql  # noqa: F401  what a worker would import at its start
from actorbus import ActorBus
from examples.flights.app import Topics, make_bus

LEASE = 1.5
SESSION = 1.5

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Servers:
    """Where the month is worked through."""

    store: str
    kafka: str
    prefix: str

    @property
    def topics(self) -> Topics:
        return Topics(self.kafka, self.prefix, session_timeout=SESSION)

    def bus(self) -> ActorBus:
        return make_bus(self.store, topics=self.topics, lease=LEASE)


def start(servers: Servers) -> BaseProcess:
    """Start a worker in a process of its own."""
    worker = _forks.Process(target=work, args=(servers,), daemon=True)
    worker.start()
    return worker


def work(servers: Servers) -> None:
    """Consume until killed."""
    for name in ("actorbus", "aiokafka"):  # thousands of failures are the plot
        logging.getLogger(name).setLevel(logging.CRITICAL)
    trio.run(_work, servers.bus())


async def _work(bus: ActorBus) -> None:
    async with bus.running():
        await trio.sleep_forever()
