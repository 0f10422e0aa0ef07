"""Probe: the other side of a conversation, in a test's hands."""

from __future__ import annotations

import inspect
import threading
from collections import deque
from typing import Any

from actors._actor import Actor
from actors._ref import ActorRef
from actors._reply import Reply
from actors._settings import Seconds, as_seconds
from actors._system import ActorSystem
from actors._watch import watch


class Probe:
    """An actor that keeps what it is sent; make it from any thread.

    `answer` is what it answers: a value, or a function of the message, plain or async; what that
    raises is the asker's. Change it at any time. It sees `Terminated` notices like messages.

    ::

        probe = Probe(system)
        worker.tell(Job(reply_to=probe.ref))
        assert await probe.receive() == "done"  # or, on a thread: probe.receive().get()
    """

    def __init__(self, system: ActorSystem, name: str | None = None, *, answer: Any = None) -> None:
        self.answer = answer
        self._system = system
        self._lock = threading.Lock()
        self._seen: list[Any] = []
        self._unread: deque[Any] = deque()
        self._readers: deque[Reply[Any]] = deque()
        self.ref: ActorRef[Any] = system.spawn(_ProbeActor, self, name=name)

    def __repr__(self) -> str:
        return f"<Probe {self.ref.path}, {len(self._seen)} messages>"

    @property
    def messages(self) -> tuple[Any, ...]:
        """All that it was sent so far, in order, whether received or not."""
        with self._lock:
            return tuple(self._seen)

    def receive(self, timeout: Seconds = 5.0) -> Reply[Any]:
        """Return a reply of the next message that was not received yet.

        It fails with `pykka.Timeout` when none comes within `timeout` of the system's time.
        """
        reply: Reply[Any] = Reply()
        now = self._system.time
        reply.limit(now() + as_seconds(timeout), now)
        with self._lock:
            if not self._unread:
                self._readers.append(reply)
                return reply
            message = self._unread.popleft()
        reply.settle((message, None, None))
        return reply

    def watch(self, ref: ActorRef[Any]) -> None:
        """Receive `Terminated(ref)` when that actor ends, or now if it has."""
        watch(self.ref._cell, ref._cell)

    async def _take(self, message: Any) -> Any:
        self._keep(message)
        answer = self.answer
        if not callable(answer):
            return answer
        result = answer(message)
        return await result if inspect.isawaitable(result) else result

    def _keep(self, message: Any) -> None:
        with self._lock:
            self._seen.append(message)
            reader = self._next_reader()
            if reader is None:
                self._unread.append(message)
        if reader is not None:
            reader.settle((message, None, None))

    def _next_reader(self) -> Reply[Any] | None:
        while self._readers:
            reader = self._readers.popleft()
            if not reader.abandoned:
                return reader
        return None


class _ProbeActor(Actor):
    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self._probe = probe

    async def on_receive(self, message: Any) -> Any:
        return await self._probe._take(message)
