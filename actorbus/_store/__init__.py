"""The contract of a store: what it keeps, how it is asked, how it fails.

A store holds messages, dead letters, leases and the memory of what was seen before, in one database
with the users' own tables. `stores/` has its kinds; `actorbus.testing.StoreContract` is the suite
that each of them passes. Everything here is called on the trio side.

_contract    `Store`: what is asked of it
_turns       `Turn`, `ReadTransaction`: one transaction in its group commit; a snapshot
_messages    what is appended, asked for, and claimed
_rows        what those who operate it are told
_tables      `Migrating`: the version of its tables, and how it changes
_server      `OnServer`: what a database server says of itself
_errors      what it raises, drawn as a tree
"""

from actorbus._store._contract import Store as Store
from actorbus._store._errors import DeadLetterNotFound as DeadLetterNotFound
from actorbus._store._errors import GroupLost as GroupLost
from actorbus._store._errors import NotAStore as NotAStore
from actorbus._store._errors import SchemaTooNew as SchemaTooNew
from actorbus._store._errors import SchemaTooOld as SchemaTooOld
from actorbus._store._errors import SettlementRefused as SettlementRefused
from actorbus._store._errors import StaleClaim as StaleClaim
from actorbus._store._errors import StatementRefused as StatementRefused
from actorbus._store._errors import StoreClosed as StoreClosed
from actorbus._store._errors import StoreCorrupt as StoreCorrupt
from actorbus._store._errors import StoreError as StoreError
from actorbus._store._errors import StoreFull as StoreFull
from actorbus._store._errors import StoreLocked as StoreLocked
from actorbus._store._errors import StoreMissing as StoreMissing
from actorbus._store._errors import StoreReadOnly as StoreReadOnly
from actorbus._store._errors import StoreRefused as StoreRefused
from actorbus._store._errors import StoreReplaced as StoreReplaced
from actorbus._store._errors import StoreUnavailable as StoreUnavailable
from actorbus._store._errors import TransactionTooLong as TransactionTooLong
from actorbus._store._errors import TurnEnded as TurnEnded
from actorbus._store._messages import Claimed as Claimed
from actorbus._store._messages import Demand as Demand
from actorbus._store._messages import Origin as Origin
from actorbus._store._messages import Outgoing as Outgoing
from actorbus._store._messages import Poll as Poll
from actorbus._store._messages import Received as Received
from actorbus._store._rows import DeadLetterFilter as DeadLetterFilter
from actorbus._store._rows import DeadLetterGroup as DeadLetterGroup
from actorbus._store._rows import DeadLetterRow as DeadLetterRow
from actorbus._store._rows import ParkedFilter as ParkedFilter
from actorbus._store._rows import ParkedMessages as ParkedMessages
from actorbus._store._rows import ProcessInfo as ProcessInfo
from actorbus._store._rows import ProcessRow as ProcessRow
from actorbus._store._rows import QueueStatistics as QueueStatistics
from actorbus._store._rows import Remembered as Remembered
from actorbus._store._rows import ScheduleRow as ScheduleRow
from actorbus._store._rows import StoredReply as StoredReply
from actorbus._store._rows import SupervisionChange as SupervisionChange
from actorbus._store._rows import SupervisionRow as SupervisionRow
from actorbus._store._server import Bloat as Bloat
from actorbus._store._server import Horizon as Horizon
from actorbus._store._server import OnServer as OnServer
from actorbus._store._server import Server as Server
from actorbus._store._tables import Connected as Connected
from actorbus._store._tables import Migrating as Migrating
from actorbus._store._tables import Migration as Migration
from actorbus._store._tables import Tables as Tables
from actorbus._store._tables import TableSize as TableSize
from actorbus._store._turns import CommitListener as CommitListener
from actorbus._store._turns import Parameters as Parameters
from actorbus._store._turns import ReadTransaction as ReadTransaction
from actorbus._store._turns import Result as Result
from actorbus._store._turns import Row as Row
from actorbus._store._turns import Savepoint as Savepoint
from actorbus._store._turns import Turn as Turn

__all__ = [
    "Bloat",
    "Claimed",
    "CommitListener",
    "Connected",
    "DeadLetterFilter",
    "DeadLetterGroup",
    "DeadLetterNotFound",
    "DeadLetterRow",
    "Demand",
    "GroupLost",
    "Horizon",
    "Migrating",
    "Migration",
    "NotAStore",
    "OnServer",
    "Origin",
    "Outgoing",
    "Parameters",
    "ParkedFilter",
    "ParkedMessages",
    "Poll",
    "ProcessInfo",
    "ProcessRow",
    "QueueStatistics",
    "ReadTransaction",
    "Received",
    "Remembered",
    "Result",
    "Row",
    "Savepoint",
    "ScheduleRow",
    "SchemaTooNew",
    "SchemaTooOld",
    "Server",
    "SettlementRefused",
    "StaleClaim",
    "StatementRefused",
    "Store",
    "StoreClosed",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMissing",
    "StoreReadOnly",
    "StoreRefused",
    "StoreReplaced",
    "StoreUnavailable",
    "StoredReply",
    "SupervisionChange",
    "SupervisionRow",
    "TableSize",
    "Tables",
    "TransactionTooLong",
    "Turn",
    "TurnEnded",
]
