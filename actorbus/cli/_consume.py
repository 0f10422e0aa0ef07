"""One run of a consuming bus from the command line: signals end it as well."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from actorbus import ActorBus, Ending, Limits, RunResult
from actorbus.cli._signals import stop_requests
from actorbus.cli._waiting import Patience


async def consume(
    bus: ActorBus,
    channels: Sequence[str],
    limits: Limits,
    note: Callable[[str], None],
    *,
    prioritised: bool = False,
    store_wait: float | None = None,
) -> RunResult:
    """Consume the channels (all, if none is named) until one of the limits or a signal.

    A database server that is away is waited for, for `store_wait` seconds (None: for ever).
    """
    with stop_requests() as stop:
        patience = Patience(bus, stop, store_wait)

        async def until_signal() -> None:
            await stop.wait()

        def started() -> None:
            patience.started()
            others = bus.check().distribution.foreign_channels()
            names = channels or [one.name for one in bus.channels if one.name not in others]
            note(f"consuming {', '.join(names)} (process {os.getpid()})")

        def over(ending: Ending, reason: str) -> None:
            note(f"stopping: {stop.name or reason or ending.value}")

        return await patience.run(
            partial(
                bus.work,
                list(channels) or "all",
                limits,
                prioritised=prioritised,
                more={Ending.SIGNAL: until_signal},
                started=started,
                over=over,
            )
        )


def as_json(result: RunResult) -> dict[str, Any]:
    """Return the result's fields as JSON values."""
    return {**asdict(result), "ending": result.ending.name.lower()}
