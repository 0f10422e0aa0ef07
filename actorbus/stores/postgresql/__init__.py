"""The PostgreSQL store: one database, any number of processes on any number of hosts.

_store          PostgresStore: the contract, wired to the modules below
_parts          what an open store is made of      _options _probe   its URL; whether it is there
_connections    how connections are made           _pool _access     bounded pools of them
_turn _lent     a handler's transaction            _transaction      the same on the drivers' loop
_appender       what many senders send at once
_finishing      commits in the background          _settler          settlements many at a time
_snapshot       one moment's state                 _polling _wake_up poll, NOTIFY and LISTEN
_keeper         the lease of a busy process        _schema           make, check, migrate
_append _claims _settle _due _lines _leases _once  what happens to messages, over a connection
_operations and what it wires                      what operators ask
_guard _errors _clock _queries
"""

from actorbus.stores.postgresql._options import PostgresOptions as PostgresOptions
from actorbus.stores.postgresql._store import PostgresStore as PostgresStore

__all__ = ["PostgresOptions", "PostgresStore"]
