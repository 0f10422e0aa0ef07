"""Fixtures of the runtime's tests. Time is virtual where a test asks for `autojump_clock`."""

import logging

import pytest


@pytest.fixture
def record():
    """Return a function that subscribes to a system and returns the growing list of events."""

    def subscribe(system, *types):
        seen = []
        system.events.subscribe(seen.append, *types)
        return seen

    return subscribe


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Keep the expected failures out of the output of a failing test."""
    caplog.set_level(logging.CRITICAL, logger="pykka")
