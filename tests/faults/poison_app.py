"""A message that kills its process each time that it is handled, among others that do no harm.

RECORDER_STORE   the URL of its store
RECORDER_LEASE   seconds
"""

import os
import signal
from dataclasses import dataclass

from actorbus import ActorBus, Headers, Retry, Transaction

ATTEMPTS = 2


@dataclass(frozen=True)
class SetUp:
    """Make the table."""


@dataclass(frozen=True)
class Take:
    """A message; if it is poison, its handler ends the process."""

    number: int
    poison: bool = False


def make_bus(url, *, lease=10.0):
    bus = ActorBus("poison", url, lease=lease)
    bus.add_channel("doses", retry=Retry(attempts=ATTEMPTS, initial=0.01))

    @bus.command_handler
    async def set_up(command: SetUp, tx: Transaction) -> None:
        await tx.execute("CREATE TABLE taken (number INTEGER, attempt INTEGER)")

    @bus.command_handler(channel="doses", endpoint_id="take")
    async def take(command: Take, headers: Headers, tx: Transaction) -> None:
        if command.poison:
            os.kill(os.getpid(), signal.SIGKILL)
        await tx.execute("INSERT INTO taken VALUES ($1, $2)", command.number, headers.attempt)

    return bus


bus = make_bus(
    os.environ.get("RECORDER_STORE", ":memory:"),
    lease=float(os.environ.get("RECORDER_LEASE", "1")),
)
