"""`bus.outbox`: messages in transactions on connections that the program owns."""

import logging
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self, Unpack, runtime_checkable

from actorbus._errors import BusStateError, TransactionError
from actorbus._store import Outgoing
from actorbus.configuration._configuration import Configuration
from actorbus.gateways._way import Receipt
from actorbus.options._options import SendOptions
from actorbus.outbox._composing import Composer
from actorbus.outbox._statement import Placeholders, statement
from actorbus.stores._url import is_postgresql, schema_of

logger = logging.getLogger("actorbus")


@runtime_checkable
class OwnedConnection(Protocol):
    """An asyncpg connection, or one out of its pool."""

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """Run a statement."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row."""
        ...


class Statement(NamedTuple):
    """SQL that stores messages, and its parameters: a row for each copy, for `executemany`."""

    sql: str
    rows: Sequence[Any]


class Outbox:
    """Stores messages with transactions that are not the bus's: see `using` and `statement`.

    The bus need not run, and is checked once, at the first use. Messages go to handlers on channels
    of the store, which is PostgreSQL, and through outboxes to those at brokers; a running process
    relays or handles them. What is declared after the first use is not seen.
    """

    def __init__(
        self, name: str, check: Callable[[], Configuration], store: Callable[[], object]
    ) -> None:
        self._name = name
        self._composer = Composer(check)
        self._store = store

    def using(self, connection: OwnedConnection, *, channel: str | None = None) -> "OnConnection":
        """Return what writes messages on an asyncpg connection, on the caller's own loop.

            async with bus.outbox.using(connection) as out, connection.transaction():
                await connection.execute("INSERT INTO orders ...")
                await out.publish(OrderPlaced(7))

        They are there if the transaction commits, and never if not. A connection outside of a
        transaction is refused when something is written. `async with` around the transaction wakes
        the processes that wait for messages; without it they find them with their next poll, a
        quarter of a second later at most. `channel` is for handlers that have none of their own.
        Interceptors of gateways are not called. Raises BusStateError unless the store is
        PostgreSQL, TypeError for another connection.
        """
        store = self._check_store()
        if not isinstance(connection, OwnedConnection):
            raise TypeError(
                f"{connection!r} is no connection of asyncpg's; for those of other drivers there is"
                " bus.outbox.statement(messages)"
            )
        return OnConnection(self._composer, connection, channel, store)

    def statement(
        self,
        messages: Iterable[Any],
        *,
        placeholders: Placeholders = "format",
        channel: str | None = None,
        **options: Unpack[SendOptions],
    ) -> Statement:
        """Return SQL and rows that store commands and events, for any driver's `executemany`.

            with connection.cursor() as cursor:                     # psycopg, Django
                cursor.executemany(*bus.outbox.statement([OrderPlaced(7)]))

        `placeholders` are those of the driver: "format" (%s: psycopg, Django, SQLAlchemy's
        `exec_driver_sql`), "numeric" ($1: asyncpg), or "named" (:message_id, and rows that are
        dictionaries: SQLAlchemy's `text`). An item is a message, or a `Letter` with options of its
        own. Run it inside the transaction; without messages, or handlers for them, there are no
        rows. `channel` is for handlers that have none of their own. Raises as `using` and its
        `publish` do.
        """
        self._check_store()
        copies = self._composer.all_copies(None, messages, options, channel)
        return Statement(*statement(copies, placeholders))

    def _check_store(self) -> object:
        store = self._store()
        if not is_postgresql(store):
            raise BusStateError(
                f"bus {self._name!r} has its messages in {store!r}: bus.outbox writes where they"
                " are in PostgreSQL; elsewhere send from a handler with a transaction"
            )
        return store


class OnConnection:
    """Writes messages on one connection; `bus.outbox.using` returns it."""

    def __init__(
        self, composer: Composer, connection: OwnedConnection, channel: str | None, store: object
    ) -> None:
        self._composer = composer
        self._connection = connection
        self._channel = channel
        self._store = store
        self._ready: set[str] = set()

    async def publish(self, event: Any, **options: Unpack[SendOptions]) -> Receipt:
        """Store an event for each of its handlers; return the message's id.

        Raises MessageRefused and its kinds, TransactionError outside of a transaction, and the
        driver's errors. If cancelled: the driver's connection is in a failed transaction.
        """
        return await self._write_one("event", event, options)

    async def send(self, command: Any, **options: Unpack[SendOptions]) -> Receipt:
        """Store a command for its handler; return the message's id. Raises as `publish` does."""
        return await self._write_one("command", command, options)

    async def send_many(self, messages: Iterable[Any], **options: Unpack[SendOptions]) -> int:
        """Store many commands and events, in one statement; return how many copies were new.

        An item is a message, or a `Letter` with options of its own. Raises as `publish` does.
        """
        return await self._write(self._composer.all_copies(None, messages, options, self._channel))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wake who waits for messages, after the transaction."""
        ready, self._ready = self._ready, set()
        if not ready or error is not None or self._connection.is_in_transaction():
            return
        from actorbus.stores.postgresql._wake_up import wake  # noqa: PLC0415  with its driver

        try:
            await wake(self._connection, schema_of(self._store), ready)  # type: ignore[arg-type]  # it has all that this needs
        except Exception as failed:  # noqa: BLE001  all is committed, and the next poll finds it
            logger.warning("nobody could be told of messages that are ready: %r", failed)

    async def _write_one(
        self, kind: Literal["command", "event"], message: Any, options: SendOptions
    ) -> Receipt:
        message_id, copies = self._composer.copies(kind, message, options, self._channel)
        await self._write(copies)
        return Receipt(message_id)

    async def _write(self, copies: Sequence[Outgoing]) -> int:
        from actorbus.stores.postgresql._append import append  # noqa: PLC0415  with its driver

        if not self._connection.is_in_transaction():
            raise TransactionError(
                "the connection is outside of a transaction, so that the message would be there"
                " whatever becomes of the rest: open one, `async with connection.transaction():`"
            )
        count, ready = await append(self._connection, copies)  # type: ignore[arg-type]  # it has all that this needs
        self._ready |= ready
        return count
