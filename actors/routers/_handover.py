"""Passing on the message in hand, and knowing when an actor is through with what it was passed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError, messages

from actors._errors import MailboxFull
from actors._events import DeadLetter
from actors._lanes import Envelope
from actors._ref import ActorRef
from actors._reply import Reply

if TYPE_CHECKING:
    from actors._cell import Cell


async def hand_over(cell: Cell, ref: ActorRef[Any]) -> bool:
    """Pass on the message in hand, with who wants the answer, as soon as there is room.

    False if that actor has ended. If cancelled: the message is still in hand.
    """
    envelope = cell.in_hand
    if envelope is None:
        raise RuntimeError(f"{cell.path}: no message is in hand to be passed on")
    while True:
        try:
            put(ref, envelope)
        except ActorDeadError:
            return False
        except MailboxFull:
            await ref.actor_inbox.until_room()
        else:
            cell.in_hand = None
            return True


def put(ref: ActorRef[Any], envelope: Envelope) -> None:
    """Put a message that the router got into a routee's mailbox.

    Raises:
        MailboxFull, ActorDeadError: as `tell`

    """
    if envelope.context is not None:  # the router's handler may be running in it
        envelope.context = envelope.context.copy()
    ref.actor_inbox.put(envelope)


def refuse(cell: Cell, error: Exception) -> None:
    """Let the message in hand fail: its asker gets the error, else it is a dead letter."""
    envelope, cell.in_hand = cell.in_hand, None
    if envelope is not None:
        refuse_envelope(cell, envelope, error)


def refuse_envelope(cell: Cell, envelope: Envelope, error: Exception) -> None:
    """Let a message that is not in hand fail."""
    if isinstance(envelope.reply_to, Reply):
        envelope.reply_to.fail(error)
    else:
        cell.publish(DeadLetter, envelope.message, f"it could not be routed: {error!r}")


async def pass_to_all(cell: Cell, refs: Sequence[ActorRef[Any]], message: Any) -> None:
    """Pass a message on to all; who asked gets all answers, or a failure, once all are there."""
    envelope = cell.in_hand
    if envelope is None or envelope.reply_to is None:
        await tell_all(refs, message)
        return
    cell.in_hand = None
    asked = envelope.reply_to
    answers = ask_all(refs, message, envelope)
    asked.add_done_callback(GiveUp(answers))
    gathered = Reply.of(answers[0]).join(*answers[1:]) if answers else None
    if gathered is None:
        asked.settle(([], None, None))
    else:
        gathered.add_done_callback(lambda reply: settle_from(asked, reply))


async def tell_all(refs: Sequence[ActorRef[Any]], message: Any) -> None:
    """Tell each of them, waiting for room; those that have ended are passed over."""
    for ref in refs:
        with contextlib.suppress(ActorDeadError):
            await ref.send(message)


def ask_all(refs: Sequence[ActorRef[Any]], message: Any, envelope: Envelope) -> list[Reply[Any]]:
    """Ask each of them in the context of the one that asked; a full mailbox is a failed reply."""
    replies = []
    for ref in refs:
        reply: Reply[Any] = Reply()
        reply._observed = True
        try:
            put(ref, Envelope(message, reply, envelope.context))
        except (MailboxFull, ActorDeadError) as error:
            reply.fail(error)
        replies.append(reply)
    return replies


class GiveUp:
    """A callback that lets be skipped what was asked for somebody who waits no more."""

    waits = False  # for the answer: when its asker is cancelled, nobody does

    def __init__(self, replies: Sequence[Reply[Any]]) -> None:
        self._replies = replies

    def __call__(self, _asked: Reply[Any]) -> None:
        for reply in self._replies:
            reply.cancel()


def settle_from(target: Reply[Any], source: Reply[Any]) -> None:
    """Settle a reply as another one is settled."""
    try:
        value = source.get()
    except BaseException as error:  # noqa: BLE001  # it is the answer
        target.fail(error)
    else:
        target.settle((value, None, None))


def fence(ref: ActorRef[Any], passed: Callable[[], object]) -> None:
    """Call `passed` once the actor is through with all it was sent until now, or has ended.

    It is called on whatever thread the actor runs on. The fence asks for an attribute, which every
    actor answers in its place in the mailbox, also after a restart.
    """
    reply: Reply[Any] = Reply()
    reply._observed = True
    try:
        ref.actor_inbox.put_always(Envelope(messages.ProxyGetAttr(("strategy",)), reply))
    except ActorDeadError:
        passed()
        return

    def answered(reply: Reply[Any]) -> None:
        if _was_dropped(reply):
            fence(ref, passed)
        else:
            passed()

    reply.add_done_callback(answered)


def _was_dropped(reply: Reply[Any]) -> bool:
    """Whether the mailbox's overflow policy dropped it, so that it says nothing."""
    return reply._outcome is not None and isinstance(reply._outcome[1], MailboxFull)
