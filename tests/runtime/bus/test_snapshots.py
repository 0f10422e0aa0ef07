"""Snapshots of the SQLite store, whose connections are used again and again."""

from actorbus._store import ProcessInfo
from actorbus.stores import open_store

PROCESS = ProcessInfo(process_id="p1", bus="test", host="here", pid=1)


async def test_the_limit_of_the_last_query_does_not_stop_the_next_snapshot(tmp_path):
    """The limit has passed by the time that the connection is used again."""
    store = open_store(f"sqlite:///{tmp_path}/x.db?inline_limit=0.000001")
    await store.open(PROCESS)
    try:
        for number in range(1_000):  # SQLite looks at the limit after many statements, not at each
            async with await store.snapshot("test") as view:
                assert [row[0] for row in await view.fetch("SELECT $1", (number,))] == [number]
    finally:
        await store.close()
