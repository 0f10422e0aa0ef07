"""The workers on PostgreSQL that are killed, or whose server is: the bus's and others'."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import trio

from benchmarks._environments import python
from benchmarks._process import measure
from benchmarks._scenario import Peer
from benchmarks._settings import Settings
from benchmarks.durable.probes import worker

US = "actorbus"

Command = tuple[Path | None, tuple[str, ...]]
"""An interpreter, if it is another one than ours, and a program with its arguments."""


class Contender(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def left(self) -> str:
        """A statement: how many messages are not settled."""
        ...

    def fill(self, url: str, messages: int) -> None: ...

    def command(self, url: str) -> Command:
        """Return how its worker is started."""
        ...


@dataclass(frozen=True, slots=True)
class Ours:
    name: str = US
    left: str = "SELECT count(*) FROM actorbus_messages"

    def fill(self, url: str, messages: int) -> None:
        trio.run(worker.fill, url, messages)

    def command(self, url: str) -> Command:
        return None, (worker.__name__, url)


@dataclass(frozen=True, slots=True)
class Theirs:
    """`name` is the section of requirements-peers.txt, too."""

    name: str
    module: str
    left: str

    def fill(self, url: str, messages: int) -> None:
        program = f"benchmarks.faults.peers.{self.module}"
        measure(program, "fill", url, messages, python=python(self.name))

    def command(self, url: str) -> Command:
        program = f"benchmarks.faults.peers.{self.module}"
        return python(self.name), (program, "work", url, str(worker.LEASE))


PEERS = (
    Theirs("pgqueuer", "pgqueuer_worker", "SELECT count(*) FROM pgqueuer"),
    Theirs("faststream-outbox", "outbox_worker", "SELECT count(*) FROM outbox"),
    Theirs(
        "procrastinate",
        "procrastinate_worker",
        "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",
    ),
    Theirs(
        "saq",
        "saq_worker",
        "SELECT count(*) FROM saq_jobs WHERE status NOT IN ('complete', 'failed', 'aborted')",
    ),
)

SCENARIO_PEERS = tuple(Peer(one.name, one.name) for one in PEERS)


def contenders(options: Settings) -> Sequence[Contender]:
    return (Ours(), *PEERS) if options.peers else (Ours(),)
