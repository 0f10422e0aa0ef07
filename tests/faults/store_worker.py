"""A process that works on a store until it is killed: `python store_worker.py PATH NAME`.

It claims, and in one transaction writes an effect, sends a reply and settles. It says "working" at
each commit.
"""

import sys

import trio

from actorbus._settlement import ACK
from actorbus._store import StaleClaim
from actorbus.stores import SqliteStore
from actorbus.testing import Listener, demand, outgoing, process

REPLIES = "replies"


async def handle(store, claimed):
    turn = await store.acquire("worker")
    try:
        await turn.execute("INSERT INTO effects VALUES ($1)", (claimed.message_id,))
        await turn.append([outgoing(f"re-{claimed.message_id}", channel=REPLIES)])
        await turn.settle(claimed, ACK)
        listener = Listener()
        await turn.finish(listener)
    except StaleClaim:
        await turn.rollback()
        return
    await listener.wait()
    print("working", flush=True)


async def work(store):
    while True:
        claimed = await store.claim([demand(20)])
        async with trio.open_nursery() as nursery:
            for each in claimed:
                nursery.start_soon(handle, store, each)
        await store.renew()
        await store.take_back()
        if not claimed:
            await trio.sleep(0.02)


async def main(path, name):
    store = SqliteStore(path)
    await store.open(process(name, lease=0.3))
    await work(store)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
