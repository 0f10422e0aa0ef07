"""Log what handlers do, and have every line of theirs name its message.

The ids are those of the handler that runs in the current context: they are there for handlers on
trio, asyncio and threads, and in whatever those call.
"""

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from actorbus.interceptors._passage import Invocation
from actorbus.transactions._unit_of_work import current_unit_of_work

_FIELDS = (
    ("message_id", "id"),
    ("copy_id", "copy_id"),
    ("correlation_id", "correlation_id"),
    ("causation_id", "causation_id"),
    ("message_type", "type_name"),
    ("endpoint", "endpoint"),
    ("tenant", "tenant"),
    ("attempt", "attempt"),
)


def message_context() -> dict[str, Any]:
    """Return the ids of the message being handled here; empty outside of handlers.

    Keys: message_id, copy_id, correlation_id, causation_id, message_type, endpoint, tenant,
    attempt. What is empty is left out.
    """
    unit = current_unit_of_work.get()
    headers = None if unit is None else unit.headers
    if headers is None:
        return {}
    found = {key: getattr(headers, attribute) for key, attribute in _FIELDS}
    return {key: value for key, value in found.items() if value != ""}


def add_message_context(
    logger: Any,  # noqa: ARG001  structlog calls its processors so
    method_name: str,  # noqa: ARG001  the same
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Add `message_context()` to a log event: a processor for structlog.

    Put it beside `structlog.contextvars.merge_contextvars`. What the event says itself is kept.
    """
    for key, value in message_context().items():
        event.setdefault(key, value)
    return event


class MessageContextFilter(logging.Filter):
    """Adds `message_context()` to records as attributes: `handler.addFilter(...)`.

    With it a format may hold `%(correlation_id)s`; outside of handlers its value is "".
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add what the record does not have; never drops it."""
        context = message_context()
        for key, _ in _FIELDS:
            if not hasattr(record, key):
                setattr(record, key, context.get(key, ""))
        return True


class Logging:
    """Logs each handled message, with its ids and its duration: `bus.intercept(Logging())`.

    One line at `level` when a handler succeeded, one at WARNING with the traceback when it failed.
    The ids, `duration_ms` and `outcome` ("handled" or "failed") are the record's `extra`.
    """

    runs_on = "trio"

    def __init__(
        self, logger: str | logging.Logger = "actorbus.messages", level: int = logging.INFO
    ) -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._level = level

    async def around(self, invocation: Invocation) -> Any:
        """Call the handler and log how that went."""
        started = time.perf_counter()
        try:
            result = await invocation.proceed()
        except Exception:
            text = "failed: %s in %s"
            self._log(logging.WARNING, text, invocation, started, failed=True)
            raise
        self._log(self._level, "handled: %s in %s", invocation, started, failed=False)
        return result

    def _log(
        self,
        level: int,
        text: str,
        invocation: Invocation,
        started: float,
        *,
        failed: bool,
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        extra = message_context()
        extra["duration_ms"] = round((time.perf_counter() - started) * 1000, 3)
        extra["outcome"] = "failed" if failed else "handled"
        names = (invocation.type_name, invocation.handler.endpoint_id)
        self._logger.log(level, text, *names, extra=extra, exc_info=failed)
