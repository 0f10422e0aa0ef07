"""The store on SQLite.

_store         SqliteStore: the contract, wired to the modules below
_writer        turns in order, group commits      _turn _group    one turn; a group
_access        beginning beside other writers     _threads        where blocking calls run
_snapshot      reading connections                _session        one connection and its statements
_database      the file and its identity          _schema         make, check, migrate
_append _claims _settle _due _tenants             what happens to messages, each over a cursor
_leases _dead_letters _statistics _retention      what operations need
_guard _placeholders _errors _clock _options _queries
"""

from actorbus.stores.sqlite._clock import StoreClock as StoreClock
from actorbus.stores.sqlite._options import SqliteOptions as SqliteOptions
from actorbus.stores.sqlite._store import SqliteStore as SqliteStore

__all__ = ["SqliteOptions", "SqliteStore", "StoreClock"]
