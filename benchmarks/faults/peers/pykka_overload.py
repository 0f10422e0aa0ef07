"""Pykka under the same overload: its mailbox has no bound. `pykka_overload SECONDS`.

It runs in an environment of its own, with nothing of this project but what is imported here.
"""

import os
import sys
import time
from typing import Any

import pykka

from benchmarks._process import report
from benchmarks.durable._entries import body
from benchmarks.faults._memory import BATCHES, HANDLER, Peak, batch


class Slow(pykka.ThreadingActor):
    handled = 0

    def on_receive(self, message: Any) -> None:
        time.sleep(HANDLER)
        Slow.handled += 1


def main(seconds: float) -> None:
    ref = Slow.start()
    peak = Peak()
    start = time.perf_counter()
    batches = int(seconds * BATCHES)
    for number in range(batches):
        time.sleep(max(0.0, start + number / BATCHES - time.perf_counter()))
        for one in batch(number):
            ref.tell(body(one))
        peak.look()
    report(
        before=peak.before,
        highest=peak.highest,
        sent=batches * len([*batch(0)]),
        handled=Slow.handled,
    )


if __name__ == "__main__":
    main(float(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # what waits in its mailbox would be handled first, for minutes
