"""The pytest plugin: one fixture, `bus_harness`. It is there wherever actorbus is installed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from actorbus._bus import ActorBus
    from actorbus.testing._harness import BusHarness


@pytest.fixture
def bus_harness() -> "Iterator[Callable[..., BusHarness]]":
    """Give the test what runs a bus until it ends; its arguments are those of `harness`."""
    from actorbus.testing._harness import harness  # noqa: PLC0415  only for the tests that use it

    with ExitStack() as running:

        def run(bus: "ActorBus", **options: Any) -> "BusHarness":
            return running.enter_context(harness(bus, **options))

        yield run
