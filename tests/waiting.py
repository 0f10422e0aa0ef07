"""Waiting for what rings no bell: counts, files, what other processes write."""

import inspect

import trio


async def until(condition, *, within=30.0):
    """Wait until it holds; it may be async. Raises TooSlowError after `within` seconds."""
    with trio.fail_after(within):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await trio.sleep(0.005)


async def until_settled(bus, count, *, within=30.0):
    """Wait until so many messages are handled or dead: those that are to be retried too."""
    await until(lambda: bus.counters.handled + bus.counters.dead >= count, within=within)


async def until_nothing_waits(bus):
    """Wait until all is settled, retries included."""

    async def nothing_waits():
        await bus.idle()
        health = await bus.health()
        held = [one for channel in health.channels for one in channel.endpoints]
        return not any(one.waiting or one.in_flight or one.ready for one in held)

    await until(nothing_waits, within=60)
