"""What an operator does in a process of their own."""

import trio

from actorbus import ActorBus, DeadLetterFilter


def replay_all(url, barrier, counts):
    """Replay all that is dead, at the same moment as the others, and tell how many these were."""

    async def main():
        bus = ActorBus("operator", url)
        async with bus.looking():
            barrier.wait(60)
            counts.put(int(await bus.dead_letters.replay(DeadLetterFilter())))

    trio.run(main)
