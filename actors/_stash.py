"""The stash: messages that an actor puts aside until it can handle them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors._errors import MailboxFull

if TYPE_CHECKING:
    from actors._cell import Cell


def stash_in_hand(cell: Cell) -> None:
    """Put the message in hand aside.

    Raises:
        RuntimeError: no message is in hand
        MailboxFull: as much is stashed as the mailbox may hold

    """
    box, envelope = cell.mailbox, cell.in_hand
    if envelope is None:
        raise RuntimeError(f"{cell.path}: no message is in hand to be stashed")
    if box.stash is None:
        box.stash = []
    if len(box.stash) >= box.settings.capacity:
        raise MailboxFull(f"{cell.path} has stashed {len(box.stash)} messages already")
    box.stash.append(envelope)
    cell.in_hand = None


def unstash(cell: Cell) -> None:
    """Return what is stashed to the mailbox's head."""
    stash, cell.mailbox.stash = cell.mailbox.stash, None
    if stash:
        cell.mailbox.return_to_head(stash)
