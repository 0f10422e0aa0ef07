"""Tell a function of yours about every handled message."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actorbus.declaring._handlers import Kind
from actorbus.interceptors._passage import Invocation


@dataclass(frozen=True, slots=True)
class Measurement:
    """One call of a handler. `seconds` is how long it took; `error` is None if it succeeded."""

    kind: Kind
    type_name: str
    endpoint: str
    tenant: str
    attempt: int
    seconds: float
    error: BaseException | None


class Metrics:
    """Measures handlers: `bus.intercept(Metrics(record))`, whatever records them.

    `record` is given a Measurement, on the bus's own thread: it must be short and must not block.
    Counters and histograms of the usual libraries are. An error of it is the message's failure.
    """

    runs_on = "trio"

    def __init__(self, record: Callable[[Measurement], object]) -> None:
        self._record = record

    async def around(self, invocation: Invocation) -> Any:
        """Call the handler and record how that went."""
        started = time.perf_counter()
        try:
            result = await invocation.proceed()
        except BaseException as error:
            self._note(invocation, started, error)
            raise
        self._note(invocation, started, None)
        return result

    def _note(self, invocation: Invocation, started: float, error: BaseException | None) -> None:
        handler, headers = invocation.handler, invocation.headers
        measurement = Measurement(
            handler.kind,
            headers.type_name,
            handler.endpoint_id,
            headers.tenant,
            headers.attempt,
            time.perf_counter() - started,
            error,
        )
        self._record(measurement)
