"""What ends a run: whichever of its limits comes first. Time is virtual."""

from functools import partial

import trio

from actorbus.cli._consume import Ending, _first, _until


async def test_the_first_ending_counts_and_the_others_are_given_up(autojump_clock):
    given_up = []

    async def never():
        try:
            await trio.sleep_forever()
        finally:
            given_up.append("never")

    ending = await _first({Ending.SIGNAL: never, Ending.DURATION: partial(trio.sleep, 10)})

    assert (Ending.DURATION, ["never"]) == (ending, given_up)
    assert 10 == trio.current_time()


async def test_a_counter_is_looked_at_until_it_is_reached(autojump_clock):
    handled = [0]

    async def work():
        while handled[0] < 5:
            await trio.sleep(1)
            handled[0] += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await _until(lambda: handled[0] >= 3)
        assert 3 == handled[0]
