"""From what a handler did to what becomes of its message. Pure: no clock, no store, no draw.

Rules:
 1. A group of exceptions is judged by its leaves: one permanent leaf makes it permanent, and it
    is an outage only if all of them are.
 2. A permanent error and a body that cannot be decoded go to the dead letters at once.
 3. An outage, a failing store and a shutdown are nobody's attempt: Release.
 4. Any other error is the message's: Retry after the channel's delay, or, when the attempts are
    used up, the dead letters. An error that carries its own delay waits for that instead.
 5. A handler that calls `sys.exit` would do so each time: permanent.
 6. What cannot be handed to another process is permanent: it cannot be handed over later either.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never

from actorbus._errors import PermanentError, UndecodableMessage
from actorbus._settlement import RELEASE, DeadLetter, DeadLetterReason, Failure, Settlement
from actorbus._settlement import Retry as RetryLater
from actorbus._store import StaleClaim, StoreRefused, StoreUnavailable
from actorbus.endpoints._traceback import traceback_text
from actorbus.options._retry_after import OwnDelay
from actors import NotPicklable
from supervisors import GiveUpMessage, ReleaseMessage, Retry, TryAgain, Verdict, leaves, next_try

MOST_TRACEBACK = 20_000
"""How many characters of a traceback are kept, counted from its end."""

MOST_MESSAGE = 10_000
"""How many characters of an exception's text are kept, counted from its beginning."""


@dataclass(slots=True)
class Judge:
    """One endpoint's rules about errors, put together from its handler and its channel.

    Its retries may be replaced while the endpoint runs: from then on they decide.
    """

    retry: Retry
    outage: tuple[type[BaseException], ...] = ()
    permanent: tuple[type[BaseException], ...] = ()

    def verdict(self, error: BaseException) -> Verdict:
        """Return whose the exception is."""
        kinds = {self._leaf(leaf) for leaf in leaves(error)}
        return next(verdict for verdict in SEVEREST_FIRST if verdict in kinds)

    def _leaf(self, error: BaseException) -> Verdict:
        if isinstance(error, StaleClaim):
            return Verdict.STALE
        if isinstance(error, (StoreUnavailable, StoreRefused)):
            return Verdict.STORE
        if isinstance(error, UndecodableMessage):
            return Verdict.UNDECODABLE
        if isinstance(error, (PermanentError, NotPicklable, SystemExit, *self.permanent)):
            return Verdict.PERMANENT
        if isinstance(error, self.outage):
            return Verdict.OUTAGE
        return Verdict.FAILED


def is_exit(error: BaseException) -> bool:
    """Whether a handler called `sys.exit`, and neither it nor its program is being ended."""
    parts = list(leaves(error))
    exits = any(isinstance(leaf, SystemExit) for leaf in parts)
    return exits and all(isinstance(leaf, (SystemExit, Exception)) for leaf in parts)


SEVEREST_FIRST = (
    Verdict.STALE,
    Verdict.STORE,
    Verdict.UNDECODABLE,
    Verdict.PERMANENT,
    Verdict.FAILED,
    Verdict.OUTAGE,
)


def decide(
    verdict: Verdict,
    failure: Failure,
    retry: Retry,
    draw: float,
    *,
    alone: bool = False,
    own: OwnDelay | None = None,
) -> Settlement:
    """Return what becomes of a message whose handler failed.

    `failure.attempt` is the number of this start, from 1. `alone` says that the outage was seen
    by this message while others succeeded, so that it counts. `draw` is a random number, 0 to 1.
    `own` is the delay that the error carries.
    """
    match next_try(verdict, failure.attempt, retry, draw, alone=alone):
        case GiveUpMessage():
            return DeadLetter(_REASONS[verdict], failure)
        case ReleaseMessage():
            return RELEASE
        case TryAgain(delay):
            return RetryLater(delay if own is None else own.instead_of(delay), failure)
        case _ as never:
            assert_never(never)


_REASONS = MappingProxyType(
    {
        Verdict.UNDECODABLE: DeadLetterReason.UNDECODABLE,
        Verdict.PERMANENT: DeadLetterReason.PERMANENT_ERROR,
        Verdict.OUTAGE: DeadLetterReason.ATTEMPTS_EXHAUSTED,
        Verdict.FAILED: DeadLetterReason.ATTEMPTS_EXHAUSTED,
    }
)


def failure_of(error: BaseException, at: float, attempt: int) -> Failure:
    """Return what is kept of an exception in the history of a message's attempts."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
    text = traceback_text(error)
    return Failure(name, _words(error)[:MOST_MESSAGE], text[-MOST_TRACEBACK:], at, attempt)


def _words(error: BaseException) -> str:
    """Return the exception's text. Making it is the handler's own code, which may fail too."""
    try:
        return str(error)
    except Exception as failed:  # noqa: BLE001  told in the place of the text
        return f"(its text cannot be made: {type(failed).__qualname__})"


def _full_name(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
