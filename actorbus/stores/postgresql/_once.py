"""Deduplication at the handler: of two copies with one key, the second is not started.

Rules:
 1. What was handled is noted in the handler's transaction; a claim marks copies of it.
 2. A claimed copy is itself the note that its key is being handled: another copy that is claimed
    meanwhile, by whatever process, is put off. It goes when its process does, so that a crash
    blocks nobody. Claims that run at the same time see each other by locks on the keys.
 3. A message that was not handled in the end leaves no note: its key may be sent again. If that
    one dies too, it takes the place of the first among the dead letters: a key has one at most.

Rules 2 and 3 are part of claims and settlements, in `sql/postgresql/functions.sql`.
"""

from typing import Final

from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._queries import QUERIES

_REMEMBER: Final = QUERIES["remember_handled"]


async def remember(connection: Connection, endpoint: str, key: str) -> bool:
    """Note that an endpoint handles a key in this transaction; False if it did before.

    Waits for another transaction that notes the same.
    """
    return await connection.fetchval(_REMEMBER, endpoint, key) is not None
