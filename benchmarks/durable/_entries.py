"""What every contender counts: the handlers that began. It imports nothing but Python."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SIZE = 200
"""Characters of a message's body."""

INSERTS = "insert"
"""The name of the effect: each handler inserts one row."""

INSERT = "INSERT INTO effects (body) VALUES ($1)"
CREATE_EFFECTS = "CREATE TABLE effects (number BIGSERIAL PRIMARY KEY, body TEXT NOT NULL)"

CHUNK = 1000
"""Messages that are stored at a time, before the clock starts."""


def body(number: int) -> str:
    """A body of its own for each message."""
    return f"{number:08}".ljust(SIZE, "x")


def chunks(messages: int) -> Iterator[list[str]]:
    for first in range(0, messages, CHUNK):
        yield [body(number) for number in range(first, min(messages, first + CHUNK))]


@dataclass(slots=True)
class Entries:
    """Called by each handler as it begins; `finished` is called by the last one."""

    messages: int
    finished: Callable[[], object]
    seen: int = 0
    first: float = 0.0
    last: float = 0.0
    processor: float = 0.0
    again: int = 0
    """Handlers that began for messages seen before."""
    bodies: set[str] = field(default_factory=set)

    def of(self, body: str) -> None:
        """Count a handler whose message may come again."""
        if body in self.bodies:
            self.again += 1
        else:
            self.bodies.add(body)
            self()

    def __call__(self) -> None:
        if not self.seen:
            self.first = time.perf_counter()
            self.processor = -time.process_time()
        self.seen += 1
        if self.seen == self.messages:
            self.last = time.perf_counter()
            self.processor += time.process_time()
            self.finished()

    def report(self, acknowledged: float) -> None:
        """Print the figures. `acknowledged`: when nothing was left to settle."""
        if self.seen != self.messages:
            raise SystemExit(f"{self.seen} handlers began for {self.messages} messages")
        seconds = self.last - self.first
        print(
            json.dumps(
                {
                    "messages": self.messages,
                    "seconds": seconds,
                    "rate": self.messages / seconds,
                    "settled_after_ms": (acknowledged - self.last) * 1000,
                    "rate_settled": self.messages / (acknowledged - self.first),
                    "again": self.again,
                    "processor_us": self.processor / self.messages * 1e6,
                }
            )
        )
