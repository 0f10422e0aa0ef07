"""What handlers did, to be waited for in any world."""

import threading

import pytest

from actors import Reply


class Seen:
    """A list that handlers add to, on whatever thread they run."""

    def __init__(self):
        self.items = []
        self._waiting = []
        self._lock = threading.Lock()

    def add(self, item):
        with self._lock:
            self.items.append(item)
            ready = [reply for count, reply in self._waiting if count == len(self.items)]
        for reply in ready:
            reply.set()

    def until(self, count):
        """A reply that is there once `count` items are; await it, or `get` it on a thread."""
        reply: Reply[None] = Reply()
        with self._lock:
            self._waiting.append((count, reply))
            if len(self.items) >= count:
                reply.set()
        return reply


@pytest.fixture
def seen():
    return Seen()
