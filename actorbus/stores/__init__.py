"""The stores, each kind in a folder of its own; their contract is `actorbus._store`."""

from actorbus.stores._url import open_store as open_store
from actorbus.stores.sqlite import SqliteOptions as SqliteOptions
from actorbus.stores.sqlite import SqliteStore as SqliteStore
from actorbus.stores.sqlite import StoreClock as StoreClock

__all__ = ["SqliteOptions", "SqliteStore", "StoreClock", "open_store"]
