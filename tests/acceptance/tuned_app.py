"""A post office that fails while it is told to, and writes down what it did.

Run by `python -m actorbus run tests.acceptance.tuned_app:bus`, in a folder of its own. While the
file `broken` is there odd mails fail, and even ones see an outage. Each failure is a line in
`failures`, each delivery one in `delivered`: process and number.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from actorbus import ActorBus, Backoff, Retry

BROKEN, FAILURES, DELIVERED = Path("broken"), Path("failures"), Path("delivered")
LONG = 600.0

bus = ActorBus("post", os.environ.get("TUNED_STORE", ":memory:"))
bus.add_channel(
    "mails",
    concurrency=2,
    max_in_flight=4,
    retry=Retry(attempts=3, initial=LONG, maximum=LONG),
    backoff=Backoff(initial=LONG, maximum=LONG, first_immediate=False),
    outage=(ConnectionError,),
)


@dataclass(frozen=True)
class Mail:
    """A letter."""

    number: int


@bus.event_handler(channel="mails", endpoint_id="send")
def send(mail: Mail) -> None:
    """Deliver it, or fail."""
    fails = BROKEN.exists()
    with (FAILURES if fails else DELIVERED).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {mail.number}\n")
    if fails:
        raise ValueError("no") if mail.number % 2 else ConnectionError("away")
