"""Whether a database has a store's tables, for programs that are not running a bus."""

import asyncio
import threading

from actorbus._store import StoreError
from actorbus.stores.postgresql import _schema
from actorbus.stores.postgresql._connections import Connections
from actorbus.stores.postgresql._options import PostgresOptions


def is_there(dsn: str, place: str, options: PostgresOptions) -> bool:
    """Whether the tables are there. Blocks; true if the database does not answer."""
    found = [True]

    def ask() -> None:
        found[0] = asyncio.run(_is_there(dsn, place, options))

    thread = threading.Thread(target=ask, name="actorbus: is there a store?", daemon=True)
    thread.start()  # whoever asks may be on a thread that has a loop
    thread.join(options.timeout * 2)
    return found[0]


async def _is_there(dsn: str, place: str, options: PostgresOptions) -> bool:
    try:
        connection = await Connections(dsn, place, options, "actorbus", options.tx_limit).open()
        try:
            return await _schema.read(connection, place) is not None
        finally:
            await connection.close(timeout=1.0)
    except (StoreError, OSError, TimeoutError):
        return True
