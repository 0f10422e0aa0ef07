"""EventRecorder: what happened in a system, and what is still to happen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeVar

from actors._events import Event
from actors._ref import ActorRef
from actors._reply import Reply
from actors._settings import Seconds, as_seconds
from actors._system import ActorSystem

E = TypeVar("E", bound=Event)


class _Waiter(NamedTuple):
    matches: Callable[[Event], bool]
    number: int
    reply: Reply[Any]


class EventRecorder:
    """Keeps the events of a system from now on, of the given types or all; a context manager.

    ::

        with EventRecorder(system) as events:
            worker.tell(BOOM)
            restarted = await events.wait_for(Restarted, worker)  # or: .get() on a thread
        assert [event.path for event in events.of(Failed)] == [worker.path]
    """

    def __init__(self, system: ActorSystem, *event_types: type[Event]) -> None:
        self._system = system
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._waiters: list[_Waiter] = []
        self._subscription = system.events.subscribe(self._record, *event_types)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Record no more; what was recorded stays."""
        self._subscription.cancel()

    @property
    def events(self) -> tuple[Event, ...]:
        """All that was recorded so far, in order."""
        with self._lock:
            return tuple(self._events)

    def of(self, kind: type[E], actor: ActorRef[Any] | str | None = None) -> list[E]:
        """Return the events of a type so far, of all actors or of one (its ref or path)."""
        path = _path(actor)
        return [
            event for event in self.events if isinstance(event, kind) and path in {None, event.path}
        ]

    def wait_for(
        self,
        kind: type[E],
        actor: ActorRef[Any] | str | None = None,
        *,
        count: int = 1,
        timeout: Seconds = 5.0,
    ) -> Reply[E]:
        """Return a reply of the `count`-th event of a type, which may have happened already.

        It fails with `pykka.Timeout` when it does not happen within `timeout` of the system's time.
        """
        path = _path(actor)

        def matches(event: Event) -> bool:
            return isinstance(event, kind) and path in {None, event.path}

        reply: Reply[E] = Reply()
        now = self._system.time
        reply.limit(now() + as_seconds(timeout), now)
        with self._lock:
            self._waiters.append(_Waiter(matches, count, reply))
        self._settle()
        return reply

    def _record(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
        self._settle()

    def _settle(self) -> None:
        with self._lock:
            waiters = [(one, self._found(one)) for one in self._waiters]
            self._waiters = [one for one, event in waiters if event is None]
        for waiter, event in waiters:
            if event is not None:
                waiter.reply.settle((event, None, None))

    def _found(self, waiter: _Waiter) -> Event | None:
        matching = [event for event in self._events if waiter.matches(event)]
        return matching[waiter.number - 1] if len(matching) >= waiter.number else None


def _path(actor: ActorRef[Any] | str | None) -> str | None:
    return actor.path if isinstance(actor, ActorRef) else actor
