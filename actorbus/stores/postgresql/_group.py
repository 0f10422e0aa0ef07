"""Groups: handlers' transactions of one endpoint that share one of the database's, and its commit.

Opt-in (`group_commit=`): one commit instead of many. Everything here is on the drivers' loop.
Rules:
 1. The members have the connection in turn, each in a savepoint. Who waits for it longer than a
    group lasts has a transaction of its own.
 2. It is committed when `size` are done, when it has lasted `LASTS`, or when nobody waits for it.
 3. Those that are done wait as long again, at most, for the one that has the connection: who has
    had it that long is cut.
 4. A statement waits `LOCK` for a lock, and runs for `STATEMENT`: groups hold rows in different
    orders, and would wait for each other. One that would take longer is cut.
 5. Whoever is cut or undone ends the group: its savepoint is undone, the others' work committed.
    Who was cut hears GroupLost, so that it runs again, alone.
 6. A connection in doubt, or a commit that fails, loses all of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from actorbus._store import GroupLost
from actorbus.stores.postgresql._access import Access
from actorbus.stores.postgresql._connection import Connection
from actorbus.stores.postgresql._errors import (
    CANCELLED,
    is_anothers_doing,
    leaves_in_doubt,
    lost_to_another,
    state_of,
)
from actorbus.stores.postgresql._transaction import COMMIT, Transaction

T = TypeVar("T")

LASTS: Final = 0.02
"""Seconds."""
LOCK: Final = 0.005
"""Seconds."""
STATEMENT: Final = 0.1
"""Seconds."""
_SAVEPOINT: Final = "SAVEPOINT actorbus_member"
_RELEASE: Final = "RELEASE SAVEPOINT actorbus_member"
_UNDO: Final = "ROLLBACK TO SAVEPOINT actorbus_member"


class Groups:
    """The lines of a store's endpoints, and how their groups went."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._lines: dict[tuple[str, int], Line] = {}
        self.lasts = LASTS
        self.limits = limits(LOCK, STATEMENT)
        self.commits = 0
        """Groups committed."""
        self.members = 0
        """Transactions committed in them."""
        self.cut = 0
        """Transactions that were to run again, alone."""

    def member(self, owner: str, size: int) -> "GroupMember":
        """Return a transaction that begins with its first statement, in a group of up to `size`."""
        line = self._lines.get((owner, size))
        if line is None:
            line = self._lines[owner, size] = Line(self._access, self, owner, size)
        return GroupMember(line)


class Group:
    """One transaction of the database."""

    def __init__(self, connection: Any, timer: asyncio.TimerHandle) -> None:
        self.connection = connection
        self.finished = 0
        self.seated: GroupMember | None = None
        """Who has the connection."""
        self.since = 0.0
        """From when on, by the loop's clock."""
        self.has_savepoint = False
        """Whether the next one's is there: it came with the end of the one before."""
        self.ends = timer.when()
        self.timer = timer
        self.outcome: asyncio.Future[BaseException | None] = (
            asyncio.get_running_loop().create_future()
        )
        """None when it is committed, else why it is lost."""


class Line:
    """An endpoint's members, and the group that they join now."""

    def __init__(self, access: Access, groups: Groups, owner: str, size: int) -> None:
        self.access = access
        self.owner = owner
        self._groups = groups
        self._size = size
        self._seat = asyncio.Lock()
        self._waiting = 0
        self._group: Group | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def seat(self, member: "GroupMember") -> Group | None:
        """Give a member the connection, in a savepoint of its own; None: it waited too long."""
        self._waiting += 1
        try:
            async with asyncio.timeout(self._groups.lasts):
                await self._seat.acquire()
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1
        try:
            return await self._begin(member)
        except BaseException as error:
            self.lose(error)
            raise

    def finished(self, group: Group) -> None:
        """Count one that is done, and let the next one have the connection."""
        group.finished += 1
        group.seated = None
        if group.finished >= self._size or not self._goes_on(group):
            self._close(group, COMMIT)
        self._seat.release()

    def is_followed(self, group: Group) -> bool:
        """Whether somebody comes behind the one that has the connection."""
        return group.finished + 1 < self._size and self._goes_on(group)

    def undone(self, group: Group) -> None:
        """Undo the one that has the connection, and commit the others."""
        self._close(group, f"{_UNDO}; {_RELEASE}; {COMMIT}" if group.finished else "ROLLBACK")
        self._seat.release()

    def lose(self, error: BaseException) -> None:
        """Throw the connection away: nobody knows what it is doing."""
        group, self._group = self._group, None
        if group is not None:
            group.timer.cancel()
            self.access.handlers.release(group.connection, broken=True)
            self._tell(group, error)
        self._seat.release()

    def count_cut(self) -> None:
        """Count one that is to run again, alone."""
        self._groups.cut += 1

    # -- inside -----------------------------------------------------------------------------

    def _goes_on(self, group: Group) -> bool:
        return self._waiting > 0 and asyncio.get_running_loop().time() < group.ends

    async def _begin(self, member: "GroupMember") -> Group:
        begin = _SAVEPOINT
        if self._group is None:
            pool = self.access.handlers
            connection = await pool.acquire_to_begin()
            timer = asyncio.get_running_loop().call_later(self._groups.lasts, self._time_is_up)
            self._group = Group(connection, timer)
            begin = f"{self._groups.limits}; {_SAVEPOINT}"
            if not pool.is_begun(connection):
                begin = f"{self.access.connections.begin}; {begin}"
        group = self._group
        group.seated = member
        group.since = asyncio.get_running_loop().time()
        if group.has_savepoint:
            group.has_savepoint = False
        else:
            await group.connection.execute(begin)
        return group

    def _time_is_up(self) -> None:
        """Commit what is done; while nothing is, the one that has the connection goes on."""
        group = self._group
        if group is None:
            return
        if group.seated is None:
            self._close(group, COMMIT)
        elif group.finished:
            self._wait_or_cut(group, group.seated)

    def _wait_or_cut(self, group: Group, seated: "GroupMember") -> None:
        loop, until = asyncio.get_running_loop(), group.since + self._groups.lasts
        if loop.time() < until:
            group.timer = loop.call_at(until, self._time_is_up)
        else:
            self._start(seated.cut(group))

    def _close(self, group: Group, statement: str) -> None:
        self._group = None
        group.timer.cancel()
        self._start(self._end(group, statement))

    async def _end(self, group: Group, statement: str) -> None:
        broken = True
        error: BaseException | None = None
        try:
            await group.connection.execute(statement)
            broken = False
        except Exception as failed:  # noqa: BLE001  all members are told
            error = failed
            broken = leaves_in_doubt(failed)
        except BaseException as failed:
            error = failed
            raise
        finally:
            self.access.handlers.release(group.connection, broken=broken)
            self._tell(group, error)

    def _tell(self, group: Group, error: BaseException | None) -> None:
        if error is None:
            self._groups.commits += bool(group.finished)
            self._groups.members += group.finished
        group.outcome.set_result(error)

    def _start(self, work: Any) -> None:
        """Run it to its end, whoever is cancelled meanwhile."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class GroupMember(Transaction):
    """A transaction in a group, or, when it would have to wait too long, one of its own."""

    __slots__ = ("_group", "_line", "_lost", "_own", "_turn")

    shares = True

    def __init__(self, line: Line) -> None:
        super().__init__(line.access, line.access.connections.begin)
        self._line = line
        self._turn = asyncio.Lock()
        self._group: Group | None = None
        self._own = False
        self._lost: GroupLost | None = None

    @property
    def connection(self) -> Any:
        """The driver's connection, None before the first statement."""
        return self._connection if self._group is None else self._group.connection

    async def call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        """Call a function with the connection."""
        async with self._turn:
            return await self._call(function)

    async def commit(self, function: Callable[[Connection, str], Awaitable[T]]) -> T:
        """Call a function that ends with the statement that it is given; wait for the commit."""
        async with self._turn:
            await self._join()
            group = self._group
            result = None if group is None else [await self._finish(group, function)]
        if group is None or result is None:
            return await super().commit(function)
        await _committed(group, self._line.owner)
        return result[0]

    async def rollback(self) -> None:
        """Undo it, and end its group. Twice is once."""
        if self._own:
            await super().rollback()
            return
        async with self._turn:
            self._undo()
            self._ended = True

    async def cut(self, group: Group) -> None:
        """Undo it for those that wait for it, if it is still there."""
        async with self._turn:
            if self._group is group:
                self._line.count_cut()
                self._lost = GroupLost(
                    f"{self._line.owner}: its transaction took too long for its group,"
                    " where others waited for it (group_commit)"
                )
                self._undo()

    # -- inside -----------------------------------------------------------------------------

    async def _join(self) -> None:
        if self._lost is not None:
            raise self._lost
        if not (self._own or self._ended or self._group):
            self._group = await self._line.seat(self)
            self._own = self._group is None

    async def _finish(self, group: Group, function: Callable[[Connection, str], Awaitable[T]]) -> T:
        followed = self._line.is_followed(group)
        release = f"{_RELEASE}; {_SAVEPOINT}" if followed else _RELEASE
        try:
            result = await self._call(lambda connection: function(connection, release))
        except BaseException:
            self._undo()
            raise
        group.has_savepoint = followed
        self._leave()
        self._line.finished(group)
        return result

    async def _call(self, function: Callable[[Any], Awaitable[T]]) -> T:
        await self._join()
        group = self._group
        if group is None:
            return await super().call(function)
        now = asyncio.get_running_loop().time
        self.idle_before = 0.0 if self._idle_since is None else now() - self._idle_since
        try:
            return await function(group.connection)
        except BaseException as error:
            self._failed(error, group)
            raise
        finally:
            self._idle_since = now()

    def _failed(self, error: BaseException, group: Group) -> None:
        """Leave the group, unless the handler may go on: behind a savepoint of its own."""
        if is_anothers_doing(error) or state_of(error) == CANCELLED:
            self._line.count_cut()
            self._undo()
            self._lost = lost_to_another(error, self._line.owner)
            raise self._lost
        if _is_in_doubt(error, group):
            self._leave()
            self._line.lose(error)

    def _undo(self) -> None:
        group = self._group
        if group is not None:
            self._leave()
            self._line.undone(group)

    def _leave(self) -> None:
        self._ended = True
        self._group = None


def limits(lock: float, statement: float) -> str:
    """Return what limits all statements of a group, to so many seconds."""
    milliseconds = (f"{seconds * 1000:.0f}" for seconds in (lock, statement))
    return "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}".format(*milliseconds)


async def _committed(group: Group, owner: str) -> None:
    """Return when a group is committed; raise what its members are told if it is not."""
    error = await asyncio.shield(group.outcome)
    if error is not None:
        lost = GroupLost(f"{owner}: its group (group_commit) was not committed ({error})")
        lost.__cause__ = error
        raise lost


def _is_in_doubt(error: BaseException, group: Group) -> bool:
    """Whether nobody knows what a connection is doing."""
    return bool(group.connection.is_closed()) or leaves_in_doubt(error)
