"""A store whose disk, folder or file is in trouble: a clear error, nothing lost, no restart."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from actorbus._settlement import ACK
from actorbus._store import (
    NotAStore,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
    StoreReplaced,
    StoreUnavailable,
)
from actorbus.stores import SqliteStore
from actorbus.testing import Listener, demand, names, outgoing, process
from tests.faults.store_steps import QUICK, opened, rows, run

BIG = b"x" * 200_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.db"


def limit_pages(store, extra):
    """Let the database grow by so many pages only; SQLite reports that like a full disk."""
    session = store._parts.writer._access.session
    with session.guard.unlocked():
        (pages,) = session.connection.execute("PRAGMA page_count").fetchone()
        session.connection.execute(f"PRAGMA max_page_count = {pages + extra}")


# ------------------------------------------------------------------------------------- full disk


async def test_a_full_disk_is_reported_and_loses_nothing(path):
    async with opened(path) as store:
        await store.append([outgoing("before")])
        limit_pages(store, 5)
        with pytest.raises(StoreFull, match="disk is full"):
            await store.append([outgoing("big", body=BIG)])
        with pytest.raises(StoreFull):
            await store.append([outgoing("big", body=BIG)])
        limit_pages(store, 5000)
        assert await store.append([outgoing("big", body=BIG)]) == 1
        assert names(await store.claim([demand()])) == ["before", "big"]


async def test_a_full_disk_loses_the_group_and_tells_each_member(path):
    async with opened(path) as store:
        await run(store, "CREATE TABLE effects (body BLOB)")
        limit_pages(store, 5)
        listener = Listener()
        turn = await store.acquire("small")
        await turn.execute("INSERT INTO effects VALUES ('small')")
        await turn.finish(listener)
        turn = await store.acquire("big")
        with pytest.raises(StoreFull):
            await turn.execute("INSERT INTO effects VALUES ($1)", (BIG,))
        await turn.rollback()

        assert [type(told) for told in listener.told] == [StoreFull]
        assert await rows(store, "SELECT * FROM effects") == []
        await run(store, "INSERT INTO effects VALUES ('small again')")


async def test_a_settlement_waits_until_the_disk_has_room(path):
    """It was queued for a handler that has run: it must be written, however late."""
    async with opened(path) as store:
        await store.append([outgoing("m")])
        (claimed,) = await store.claim([demand()])
        limit_pages(store, 0)
        done = trio.Event()
        turn = await store.acquire("big")
        store.settle_soon(claimed, ACK, done.set, lambda _: None)
        with pytest.raises(StoreFull):
            await turn.append([outgoing("big", body=BIG)])
        await turn.rollback()
        limit_pages(store, 5000)
        await store.poll()
        with trio.fail_after(10):
            await done.wait()
        assert await store.statistics() == []


ON_A_SMALL_DISK = """
import sys, trio
from pathlib import Path
from actorbus._store import StoreFull
from actorbus.stores import SqliteStore
from actorbus.testing import demand, names, outgoing, process

async def main(folder):
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(600_000))
    store = SqliteStore(folder / "shop.db")
    await store.open(process())
    stored = 0
    try:
        while True:
            await store.append([outgoing(str(stored), body=bytes(20_000))])
            stored += 1
    except StoreFull:
        pass
    ballast.unlink()
    await store.append([outgoing(str(stored))])
    claimed = await store.claim([demand(1000)])
    assert names(claimed) == [str(number) for number in range(stored + 1)], names(claimed)
    await store.close()
    print("stored", stored)

trio.run(main, Path(sys.argv[1]))
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="only root can mount a small disk; the tests above fake one",
)
def test_a_disk_that_is_really_full(tmp_path):
    """On a disk of one megabyte, in a mount namespace that ends with the test."""
    script = 'mount -t tmpfs -o size=1m none $0 && exec $1 -c "$2" $0'
    command = ["unshare", "-m", "sh", "-c", script, tmp_path, sys.executable, ON_A_SMALL_DISK]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout.split()[:1]) == (0, ["stored"]), ran.stderr


# ----------------------------------------------------------------------- what cannot be a store


async def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(StoreMissing, match="no folder .*nowhere"):
        await SqliteStore(tmp_path / "nowhere" / "shop.db").open(process())
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_text("Dear customers,\n" * 100)
    with pytest.raises(NotAStore, match=r"shop\.db"):
        await SqliteStore(path).open(process())
    assert path.read_text() == "Dear customers,\n" * 100


async def test_a_table_of_that_name_that_is_not_ours_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE actorbus_schema (something TEXT)")
    connection.close()
    with pytest.raises(NotAStore, match="actorbus_schema"):
        await SqliteStore(path).open(process())


async def test_a_database_with_other_tables_becomes_a_store(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER)")
        connection.execute("INSERT INTO orders VALUES (1)")
    connection.close()
    async with opened(path) as store:
        assert await store.append([outgoing("m")]) == 1
        assert await rows(store, "SELECT id FROM orders") == [(1,)]


READ_ONLY = """
import sys, trio
from actorbus._store import StoreReadOnly
from actorbus.stores import SqliteStore
from actorbus.testing import process

async def main(path):
    try:
        await SqliteStore(path).open(process())
    except StoreReadOnly as error:
        print("refused:", error)

trio.run(main, sys.argv[1])
"""


async def test_a_read_only_file_is_named(path):
    """In a process that permissions mean something to, also when root runs the tests."""
    async with opened(path):
        pass
    path.chmod(0o444)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", READ_ONLY, str(path)]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    ran = await trio.run_process(command, env=environment, capture_stdout=True)
    assert ran.stdout.startswith(b"refused: store ")
    assert b"read-only" in ran.stdout


async def test_a_file_that_becomes_read_only_is_an_outage(path):
    """Writing fails with a clear error until it can be written again."""
    async with opened(path) as store:
        session = store._parts.writer._access.session
        with session.guard.unlocked():
            session.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreReadOnly):
            await store.append([outgoing("m")])
        assert await store.append([outgoing("m")]) == 1


# ------------------------------------------------------------------------- a store that vanishes


async def test_a_store_that_vanishes_and_comes_back(path, tmp_path):
    """Nothing is made in its place; what was claimed before can be settled after."""
    async with opened(path) as store:
        await store.append([outgoing("m")])
        (claimed,) = await store.claim([demand()])
        path.rename(tmp_path / "away.db")
        for _ in range(2):
            with pytest.raises(StoreMissing, match="gone"):
                await store.append([outgoing("lost")])
            with pytest.raises(StoreMissing):
                await store.poll()
            with pytest.raises(StoreMissing):
                await store.reopen()
        assert not path.exists()

        (tmp_path / "away.db").rename(path)
        await store.reopen()
        assert await store.settle([(claimed, ACK)]) == 0
        assert await store.append([outgoing("after")]) == 1
        assert names(await store.claim([demand()])) == ["after"]
        assert (await store.poll()).next_due is None


async def test_a_store_that_vanishes_under_a_transaction_does_not_commit_it(path, tmp_path):
    """Its listener hears that the outcome is not there to be relied on."""
    async with opened(path) as store:
        await run(store, "CREATE TABLE effects (name TEXT)")
        listener = Listener()
        turn = await store.acquire("test")
        await turn.execute("INSERT INTO effects VALUES ('a')")
        path.rename(tmp_path / "away.db")
        await turn.finish(listener)
        with pytest.raises(StoreMissing):
            await listener.wait()


async def test_another_store_in_its_place_is_not_used(tmp_path):
    """It is left as it is; the right one is used when its folder is put back."""
    folder, away, other = (tmp_path / name for name in ("data", "away", "other"))
    folder.mkdir()
    async with opened(folder / "shop.db") as store:
        await store.append([outgoing("m")])
        folder.rename(away)
        folder.mkdir()
        async with opened(folder / "shop.db", "intruder"):
            with pytest.raises(StoreReplaced, match="not the one"):
                await store.append([outgoing("lost")])
            with pytest.raises(StoreReplaced):
                await store.poll()
        folder.rename(other)
        away.rename(folder)
        assert names(await store.claim([demand()])) == ["m"]
    async with opened(other / "shop.db") as intruder:
        assert await intruder.statistics() == []


async def test_an_empty_file_in_its_place_is_not_used(path, tmp_path):
    async with opened(path) as store:
        path.rename(tmp_path / "away.db")
        with pytest.raises(StoreMissing):
            await store.poll()
        path.touch()
        with pytest.raises(StoreReplaced):
            await store.append([outgoing("lost")])
        assert path.read_bytes() == b""


async def test_a_restored_copy_of_the_store_is_used(path, tmp_path):
    """From a backup: another file, but the same store."""
    async with opened(path) as store:
        await store.append([outgoing("m")])
        with sqlite3.connect(path) as source, sqlite3.connect(tmp_path / "backup.db") as target:
            source.backup(target)
        source.close()
        target.close()
        path.unlink()
        with pytest.raises(StoreUnavailable):
            await store.poll()
        for leftover in ("shop.db-wal", "shop.db-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)
        (tmp_path / "backup.db").rename(path)
        assert names(await store.claim([demand()])) == ["m"]
        assert await store.renew()


async def test_a_missing_store_is_an_outage_for_queued_settlements_too(path, tmp_path):
    async with opened(path, options=QUICK) as store:
        await store.append([outgoing("m")])
        (claimed,) = await store.claim([demand()])
        path.rename(tmp_path / "away.db")
        done = trio.Event()
        store.settle_soon(claimed, ACK, done.set, lambda _: None)
        with pytest.raises(StoreMissing):
            await store.poll()
        (tmp_path / "away.db").rename(path)
        await store.poll()
        with trio.fail_after(10):
            await done.wait()
