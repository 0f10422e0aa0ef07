"""What ends a run: whichever of its limits comes first. Time is virtual."""

from functools import partial

import pytest
import trio

from actorbus import Ending
from actorbus.consuming._worker import first


async def test_the_first_ending_counts_and_the_others_are_given_up(autojump_clock):
    given_up = []

    async def never():
        try:
            await trio.sleep_forever()
        finally:
            given_up.append("never")

    ending = await first({Ending.SIGNAL: never, Ending.DURATION: partial(trio.sleep, 10)})

    assert (Ending.DURATION, ["never"]) == (ending, given_up)
    assert 10 == trio.current_time()


async def test_what_one_of_them_raises_is_raised_as_it_is(autojump_clock):
    """In no group of exceptions: whoever waits has one thing that went wrong."""

    async def fail():
        raise ValueError("the store is gone")

    with pytest.raises(ValueError, match="the store is gone"):
        await first({Ending.IDLE: fail, Ending.DURATION: partial(trio.sleep, 10)})
