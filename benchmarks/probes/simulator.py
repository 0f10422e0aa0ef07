"""Simulate an endpoint: `simulator KIND MESSAGES`.

An event is a message that arrives, a try that begins, a try that ends, or a decision about a
failure.
"""

import sys
import time

from benchmarks._process import report
from supervisors import OneForOne, Retry, simulate
from supervisors.simulator import (
    DependencyOutage,
    Endpoint,
    Exponential,
    FailureModel,
    Independent,
    Poison,
    Poisson,
    Worker,
)

RATE = 100.0
"""Messages a second of virtual time, for ten places of 50 ms each: half of what they can do."""


def child(kind: str, until: float) -> Endpoint | Worker:
    arrivals, service = Poisson(RATE), Exponential(0.05)
    if kind == "plain":
        return Endpoint("mail", arrivals, service)
    if kind == "failing":
        failures: list[FailureModel] = [Independent(0.05), Poison(0.01)]
        return Endpoint("mail", arrivals, service, failures, retry=Retry(3))
    if kind == "outage":
        return Endpoint("mail", arrivals, service, [DependencyOutage(until / 4, until / 10)])
    return Worker("mail", arrivals, Exponential(0.005), [Independent(0.001)])


def main(kind: str, messages: str) -> None:
    until = int(messages) / RATE
    model = child(kind, until)
    begin = time.process_time()
    found = simulate(OneForOne(None), [model], until=until, keep_steps=False)
    seconds = time.process_time() - begin
    report(events=found.events, seconds=seconds, rate=found.events / seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
