"""The one writer: turns in order, group commits, and what happens when a commit is lost.

Rules:
 1. One turn at a time; who waits is served first come, first served, from the next pass of the run
    loop on. Until then a task that gives its turn up and wants another one may have it, so that a
    worker goes on without a switch of tasks; a turn that outlasts the pass goes to the line.
 2. A turn is a savepoint in the group's transaction. A group is committed when it is full, when it
    is old, or when the run loop has nothing to add to it; never while a turn is held.
 3. Beginning is tried on the event loop's thread without waiting. Committing, and whatever may
    wait for the disk, is done on the store's thread.
 4. What another program locks is tried again with jitter, up to `lock_timeout`. After a commit
    beside another active writer this one pauses, so that the other gets its turn.
 5. A lost group is told to each of its members. Settlements that were queued outlive it.
 6. A connection that reported damage is closed, and opened anew by whoever needs it next.
 7. The task that begins and commits is the store's: it starts and ends with it. A mistake in it
    is logged, told as StoreUnavailable to all that it concerns, and the task goes on after a
    backoff; it never ends the run that it is in.
"""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from random import random
from typing import Final, TypeVar

import outcome
import trio

from actorbus._fault_points import FaultPoints
from actorbus._store import StaleClaim, StoreClosed, StoreError, StoreUnavailable
from actorbus.stores.sqlite import _settle
from actorbus.stores.sqlite._access import Access
from actorbus.stores.sqlite._database import Database
from actorbus.stores.sqlite._errors import (
    anew,
    as_outage,
    is_outage,
)
from actorbus.stores.sqlite._group import Group, QueuedSettlement, tell
from actorbus.stores.sqlite._options import SqliteOptions
from actorbus.stores.sqlite._session import Session
from actorbus.stores.sqlite._threads import Threads
from actorbus.stores.sqlite._turn import SqliteTurn
from supervisors import Backoff

T = TypeVar("T")

CLOSING: Final = 0.5
"""Seconds for which a store that is closed waits for other programs' locks, all in all."""
_QUIET_PASSES: Final = 3
"""Passes of the run loop without news after which a group is committed."""
_ON_THREAD_PAUSE: Final = 0.01
"""Seconds between two looks at a statement that runs on the store's thread for too long."""

_BACKOFF: Final = Backoff(initial=0.05, maximum=5.0)

_log = logging.getLogger("actorbus.store")


class _Waiter:
    """A task in line for the turn."""

    __slots__ = ("alone", "owner", "task")

    def __init__(self, task: trio.lowlevel.Task, owner: str, *, alone: bool) -> None:
        self.task = task
        self.owner = owner
        self.alone = alone


class Writer:
    """Hands out turns and commits groups. Everything here happens on the trio side."""

    def __init__(
        self,
        database: Database,
        options: SqliteOptions,
        now: Callable[[], float],
        *,
        inline: bool,
        told_ready: Callable[[frozenset[str]], None],
        fault_points: FaultPoints,
    ) -> None:
        self.options = options
        self.now = now
        self.path = database.path
        self.stale = 0
        """Settlements that came too late, so far."""
        self._told_ready = told_ready
        self._fault_points = fault_points
        self._group: Group | None = None
        self._holder: SqliteTurn | None = None
        self._line: deque[_Waiter] = deque()
        self._soon: list[QueuedSettlement] = []
        self._may_pass = False
        """The line is not served before the next pass: whoever runs now may go first."""
        self._passed_over = False
        """The line has seen a pass without being served: the turn is its next."""
        self._busy = False
        """The connection is in the hands of the store's thread, or of `_begin`."""
        self._resting = False
        """The last group failed: queued settlements wait for the next sign of life."""
        self._stopping = False
        self._stopped: trio.Event | None = None
        self._task: trio.lowlevel.Task | None = None
        self._parked = False
        self._threads = Threads(1, inline=inline)
        self._access = Access(database, options, self._threads)

    # -- life -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, and start committing. Raises StoreError, with nothing started."""
        await self._access.connect()
        self._stopping = False
        self._stopped = trio.Event()
        trio.lowlevel.spawn_system_task(self._run, name=f"store {self.path}")

    async def stop(self) -> None:
        """Commit what is finished and close the connection. Whoever is in line gets StoreClosed."""
        self._stopping = True
        self._wake()
        if self._stopped is not None:
            await self._stopped.wait()

    def hurry(self) -> None:
        """Wait for other programs' locks for a moment only: the store is being closed."""
        self._access.hurry(CLOSING)

    @property
    def is_open(self) -> bool:
        """Whether it was started and not stopped."""
        return self._stopped is not None and not self._stopping

    # -- turns ------------------------------------------------------------------------------

    async def acquire(self, owner: str, *, alone: bool = False) -> SqliteTurn:
        """Return the turn at once if it is free, else wait in line."""
        may_go = self._may_pass or not self._line
        if self._holder is None and may_go and not self._busy and not alone:
            group = self._group or self._begin_at_once()
            if group is not None and not group.closing:
                return self._hand_over(group, owner)
        if not self.is_open:
            raise StoreClosed(f"store {self.path} is not open")
        return await self._wait_in_line(owner, alone=alone)

    def end_turn(self, turn: SqliteTurn) -> None:
        """Take the turn back from its holder, and give it to the next."""
        self._holder = None
        group = self._group
        if group is not None:
            group.ended += 1
            if group.begun >= self.options.group_size:
                group.closing = True
        if self._passed_over or group is None or group.closing:
            self._serve_next()
        else:
            self._may_pass = True
            self._wake()

    def lose_group(self, turn: SqliteTurn, trouble: StoreUnavailable, error: sqlite3.Error) -> None:
        """Undo the open group: a statement of `turn` took the transaction with it."""
        group, self._group = self._group, None
        self._holder = None
        self._access.undo(error)
        if group is not None:
            group.lost(trouble)
        self._serve_next()

    # -- settlements without a turn ---------------------------------------------------------

    def settle_soon(self, queued: QueuedSettlement) -> None:
        """Write a settlement with the next commit."""
        if not self.is_open:
            raise StoreClosed(f"store {self.path} is not open")
        self._soon.append(queued)
        self._resting = False
        self._wake()

    def stir(self) -> None:
        """Try again to write settlements that a failed commit left."""
        if self._soon and self._resting:
            self._resting = False
            self._wake()

    def take_changed(self) -> bool:
        """Return whether another process committed something since the last call."""
        if self._group is None and not self._busy:
            self._access.look_around()
        return self._access.take_changed()

    # -- the store's thread -----------------------------------------------------------------

    async def on_thread(self, function: Callable[[], T]) -> T:
        """Run a blocking function where it cannot hold up the run loop. Not cancelled."""
        return await self._threads.run(function)

    # -- inside: turns ----------------------------------------------------------------------

    def _hand_over(self, group: Group, owner: str) -> SqliteTurn:
        session = self._access.session
        assert session is not None  # noqa: S101  a group is open on it
        session.savepoint()
        group.begun += 1
        self._holder = turn = SqliteTurn(self, session, group, owner)
        return turn

    async def _wait_in_line(self, owner: str, *, alone: bool) -> SqliteTurn:
        waiter = _Waiter(trio.lowlevel.current_task(), owner, alone=alone)
        self._line.append(waiter)
        self._serve_next()

        def leave(_: object) -> trio.lowlevel.Abort:
            self._line.remove(waiter)
            return trio.lowlevel.Abort.SUCCEEDED

        turn: SqliteTurn = await trio.lowlevel.wait_task_rescheduled(leave)
        return turn

    def _end_pass(self) -> None:
        """Serve the line, or see to it that the turn is its next."""
        self._may_pass = False
        if self._holder is None:
            self._serve_next()
        else:
            self._passed_over = bool(self._line)

    def _serve_next(self) -> None:
        self._may_pass = self._passed_over = False
        group = self._group
        if self._holder is None and not self._busy and self._line and group is not None:
            first = self._line[0]
            if first.alone and group.begun:
                group.closing = True
            elif not group.closing:
                self._line.popleft()
                turn = self._hand_over(group, first.owner)
                group.closing = first.alone
                trio.lowlevel.reschedule(first.task, outcome.Value(turn))
        self._wake()

    # -- inside: the task that begins and commits -------------------------------------------

    async def _run(self) -> None:
        self._task = trio.lowlevel.current_task()
        failures = 0
        try:
            while not await self._serves():
                failures += 1
                await trio.sleep(_BACKOFF.delay(failures, random()))
        finally:
            self._close()

    async def _serves(self) -> bool:
        """Begin and commit until the store is closed; False if a mistake in here stopped it."""
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001  logged, and told to all that it concerns
            _log.exception("store %s: its commits stopped, and begin anew", self.path)
            self._start_over(error)
            return False
        return True

    async def _serve(self) -> None:
        while True:
            if self._group is not None:
                await self._tend(self._group)
            elif self._line or (self._soon and not self._resting):
                await self._begin()
            elif self._stopping:
                break
            else:
                await self._park()

    def _start_over(self, error: Exception) -> None:
        """Undo what is open, and tell those whom it concerns."""
        trouble = StoreUnavailable(f"store {self.path}: its commits stopped ({error!r})")
        trouble.__cause__ = error
        group, self._group = self._group, None
        holder, self._holder = self._holder, None
        self._busy = self._parked = self._may_pass = self._passed_over = False
        self._resting = True
        self._access.undo(error)
        if holder is not None:
            holder.lost(trouble)
        if group is not None:
            group.lost(trouble)
        self._fail_line(trouble)

    def _close(self) -> None:
        self._stopping = True
        error = StoreClosed(f"store {self.path} was closed")
        group, self._group, self._holder = self._group, None, None
        self._access.disconnect()
        if group is not None:  # the run is being cancelled
            group.lost(error)
        self._fail_line(error)
        soon, self._soon = self._soon, []
        for queued in soon:
            tell(queued.on_lost, error)
        assert self._stopped is not None  # noqa: S101  set by start
        self._stopped.set()

    async def _tend(self, group: Group) -> None:
        """See a group through: until it is committed, or lost."""
        quiet, seen = 0, -1
        while self._group is group:
            if trio.current_time() - group.opened > self.options.group_age:
                group.closing = True
            if self._holder is None and (group.closing or quiet >= _QUIET_PASSES):
                await self._commit(group)
            elif self._holder is not None and quiet >= _QUIET_PASSES:
                await self._watch(self._holder)
                quiet = 0
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
                self._end_pass()
                news = group.begun + group.ended + len(self._soon)
                quiet, seen = (quiet + 1 if news == seen else 0), news

    async def _watch(self, turn: SqliteTurn) -> None:
        """Wait until a turn is given up, but no longer than it may be held."""
        if turn.since is None:
            turn.since = trio.current_time()
        with trio.move_on_at(turn.since + self.options.tx_limit) as scope:
            while self._holder is turn:
                await self._park()
        if scope.cancelled_caught and self._holder is turn:
            await self._expire(turn)

    async def _expire(self, turn: SqliteTurn) -> None:
        if turn.on_thread:  # the statement is under a limit of its own
            await trio.sleep(_ON_THREAD_PAUSE)
        else:
            turn.expire()

    async def _park(self) -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = False
            return trio.lowlevel.Abort.SUCCEEDED

        self._parked = True
        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake(self) -> None:
        if self._parked and self._task is not None:
            self._parked = False
            trio.lowlevel.reschedule(self._task)

    # -- inside: beginning ------------------------------------------------------------------

    def _begin_at_once(self) -> Group | None:
        """Begin a group if nobody else writes; None if that needs waiting."""
        if self._stopping or not self._access.may_begin_at_once():
            return None
        if not self._access.try_to_begin():
            return None
        self._wake()
        return self._open_group()

    def _open_group(self) -> Group:
        self._group = group = Group(trio.current_time())
        return group

    async def _begin(self) -> None:
        self._busy = True
        try:
            await self._access.begin()
        except StoreError as error:
            self._resting = True
            self._fail_line(error)
        else:
            self._open_group()
        finally:
            self._busy = False
        self._serve_next()

    def _fail_line(self, error: StoreError) -> None:
        line, self._line = self._line, deque()
        for waiter in line:
            trio.lowlevel.reschedule(waiter.task, outcome.Error(anew(error)))

    # -- inside: committing -----------------------------------------------------------------

    async def _commit(self, group: Group) -> None:
        soon, self._soon = self._soon, []
        session = self._access.session
        assert session is not None  # noqa: S101  the group is open on it
        self._busy = True
        try:
            now = self.now() if soon else 0.0
            stale = await self.on_thread(partial(self._commit_now, session, soon, group.ready, now))
        except Exception as error:  # noqa: BLE001  each member and each settlement is told
            self._commit_failed(group, soon, error)
        else:
            self._committed(group, soon, stale)
        finally:
            self._busy = False
        self._serve_next()

    def _commit_now(
        self, session: Session, soon: list[QueuedSettlement], ready: set[str], now: float
    ) -> set[int]:
        """Write the settlements and commit; return the places of those that came too late."""
        session.unlimited()
        stale: set[int] = set()
        for place, (claimed, settlement, _, _) in enumerate(soon):
            if not _settle.settle(session.cursor, claimed, settlement, now, ready):
                stale.add(place)
        self._fault_points.reach("before commit")
        session.commit()
        self._fault_points.reach("after commit")
        self._access.check_identity()
        return stale

    def _committed(self, group: Group, soon: list[QueuedSettlement], stale: set[int]) -> None:
        self._group = None
        self._access.committed()
        self.stale += len(stale)
        group.committed()
        for place, queued in enumerate(soon):
            if place in stale:
                tell(queued.on_lost, StaleClaim(f"copy {queued.claimed.copy_id} was taken back"))
            else:
                tell(queued.on_commit)
        if group.ready:
            tell(self._told_ready, frozenset(group.ready))

    def _commit_failed(self, group: Group, soon: list[QueuedSettlement], error: Exception) -> None:
        self._group = None
        self._resting = True
        self._access.undo(error)
        trouble = as_outage(error, self.path)
        if is_outage(error):
            self._soon = soon + self._soon
        else:
            _log.error("store %s: a commit failed", self.path, exc_info=error)
            for queued in soon:
                tell(queued.on_lost, trouble)
        group.lost(trouble)
