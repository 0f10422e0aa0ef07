"""Routers that pass each message on to all routees."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from actors._ref import ActorRef
from actors._reply import Reply
from actors.routers._handover import GiveUp, ask_all, pass_to_all, tell_all
from actors.routers._router import Router


class Broadcast(Router):
    """To all; an ask is answered with the list of all answers, or the first failure among them."""

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the first routee; not used."""
        return self.routees[0]

    async def route(self, message: Any) -> None:
        """Pass the message in hand on to all, or put it aside until there is a routee."""
        if self._members:
            await pass_to_all(self._cell, self.routees, message)
        else:
            self.put_aside()


class FirstAnswer(Router):
    """To all; an ask is answered by the first that does not fail.

    The others are given up: what they have not begun is skipped. When all fail the asker gets an
    ExceptionGroup of their failures.
    """

    def choose(self, message: Any) -> ActorRef[Any]:
        """Return the first routee; not used."""
        return self.routees[0]

    async def route(self, message: Any) -> None:
        """Pass the message in hand on to all, or put it aside until there is a routee."""
        if not self._members:
            self.put_aside()
            return
        envelope = self._cell.in_hand
        if envelope is None or envelope.reply_to is None:
            await tell_all(self.routees, message)
            return
        self._cell.in_hand = None
        replies = ask_all(self.routees, message, envelope)
        _Race(envelope.reply_to, replies)


class _Race:
    """Settles a reply with the first answer, on whatever thread that comes."""

    def __init__(self, asked: Reply[Any], replies: Sequence[Reply[Any]]) -> None:
        self._asked = asked
        self._replies = replies
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        asked.add_done_callback(GiveUp(replies))
        for reply in replies:
            reply.add_done_callback(self._arrived)

    def _arrived(self, reply: Reply[Any]) -> None:
        try:
            value = reply.get()
        except BaseException as error:  # noqa: BLE001  # one of those that the asker gets if all fail
            with self._lock:
                self._failures.append(error)
                all_failed = len(self._failures) == len(self._replies)
            if all_failed:
                self._asked.fail(BaseExceptionGroup("no routee answered", self._failures))
        else:
            self._asked.settle((value, None, None))
