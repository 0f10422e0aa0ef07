"""What a store raises.

Errors, by what to do about them; StoreError is an ActorBusError:

    StoreError
      StoreUnavailable          an outage: nothing is lost, try again later
        StoreLocked             another program holds the writer's lock
        StoreFull               no room left on the disk
        StoreReadOnly           the file or its folder cannot be written
        StoreMissing            the file, or its folder, is not there (any more)
        StoreReplaced           another store has taken the place of the one that was opened
        StoreClosed             not open yet, or closed
        GroupLost               another transaction of the same commit took yours with it
      StoreRefused              this file will not do; someone has to look at it
        SchemaTooNew            written by a newer version
        SchemaTooOld            written by a version that this one cannot migrate
        NotAStore               not a database, or not of the kind expected
        StoreCorrupt            the database is damaged
      StatementRefused          yours: a statement that a handler's transaction may not use
      TransactionTooLong        yours: held the writer for longer than `tx_limit`
      TurnEnded                 yours: used after its end
      StaleClaim                the message was taken back and belongs to someone else now
      SettlementRefused         the database refuses this settlement, and no others
      DeadLetterNotFound        no dead letter has this copy id
"""

from actorbus._errors import ActorBusError


class StoreError(ActorBusError):
    """Base class of everything that a store raises."""


class StoreUnavailable(StoreError):
    """An outage of the store: nothing was lost, the same call may succeed later."""


class StoreLocked(StoreUnavailable):
    """Another program held the writer's lock for longer than `lock_timeout`."""


class StoreFull(StoreUnavailable):
    """No room left on the disk, or the database reached its maximal size."""


class StoreReadOnly(StoreUnavailable):
    """The database file, or the folder it is in, cannot be written."""


class StoreMissing(StoreUnavailable):
    """The database file is not there.

    Raised when its folder does not exist, and when a file that was open was moved or deleted. A
    missing file is never replaced by an empty one: the store goes on when it is back.
    """


class StoreReplaced(StoreUnavailable):
    """Another store lies where the one that this process had opened was."""


class StoreClosed(StoreUnavailable):
    """The store is not open: `open()` was not called yet, or `close()` was."""


class GroupLost(StoreUnavailable):
    """Another transaction of the same group commit took this one with it.

    Run it again, alone; it does not count as an attempt. `__cause__` is the other one's error.
    """


class StoreRefused(StoreError):
    """This database will not do, and trying again does not help."""


class SchemaTooNew(StoreRefused):
    """The tables were made by a newer version of actorbus. The file was left as it was."""


class SchemaTooOld(StoreRefused):
    """The tables were made by a version from which there is no migration."""


class NotAStore(StoreRefused):
    """The file is not a database, or its tables are not what their version says."""


class StoreCorrupt(StoreRefused):
    """The database reports that it is damaged."""


class StatementRefused(StoreError):
    """Yours: a statement that may not run inside a handler's transaction.

    The bus opens and ends transactions; a handler may not BEGIN, COMMIT, ROLLBACK, ATTACH or change
    settings. `tx.savepoint()` undoes a part; raising an exception undoes all. The statement was not
    run, the transaction goes on.
    """


class TransactionTooLong(StoreError):
    """Yours: the one writer was held for longer than `tx_limit`, so this transaction was undone.

    Raised by the first call after it happened. Do slow work before the first `tx` call, or make the
    handler smaller.
    """


class TurnEnded(StoreError):
    """Yours: a transaction was used after it had been finished or rolled back."""


class StaleClaim(StoreError):
    """The claim no longer holds: its lease ran out and the message was taken back."""


class SettlementRefused(StoreError):
    """The database works, but not for this settlement: a trigger, a limit, a changed table.

    `__cause__` is the driver's error. Nothing of the batch was written.
    """


class DeadLetterNotFound(StoreError):
    """There is no dead letter with this copy id."""
