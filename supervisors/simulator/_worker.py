"""An actor with a mailbox in a simulation: one message at a time; each failure is the actor's.

Messages wait while it is down. The one in hand goes as its disposition says if it failed, and back
to the head of the mailbox, uncounted, if the actor is taken down for another's failure.
"""

from collections import deque
from collections.abc import Callable

from supervisors._disposition import fate
from supervisors._verdict import Verdict

from ._load import Load, Message
from ._model import Worker
from ._plan import SimulatedFailureError, SimulatedOutageError
from ._world import World


class WorkerMember(Load):
    """See above."""

    def __init__(self, world: World, model: Worker, path: str) -> None:
        super().__init__(world, model.spec, path, model)
        self._capacity = model.mailbox
        self._drops_oldest = model.overflow == "drop_oldest"
        self._disposition = model.disposition
        self._needs_dependency = model.starts_need_dependency
        self._mailbox: deque[Message] = deque()
        self._hand: Message | None = None
        self._has_succeeded = False
        self._has_ended = False

    # -- its life ------------------------------------------------------------------------------

    def start(self, done: Callable[[object], None]) -> None:
        """Begin a start; from now on messages wait."""
        self._has_ended = False
        super().start(done)

    def start_error(self) -> BaseException | None:
        """Return what a start failed with: what was planned, or its dependency is away."""
        error = super().start_error()
        seen = self.outcomes
        if error is None and self._needs_dependency and seen is not None:
            if not seen.refuses(self.agenda.now):
                return None
            return SimulatedOutageError(f"{self.path}: what its start needs is away")
        return error

    def up(self) -> None:
        """Handle what waits."""
        self.is_up, self._has_succeeded = True, False
        self.well()
        self._go_on()

    def down(self, *, final: bool) -> None:
        """Keep the mailbox for the next instance, or end with it."""
        self.is_up = False
        self.unwell()
        if self._hand is not None:
            self._mailbox.appendleft(self._hand.again())
            self.waiting += 1
            self._hand = None
        if final:
            self._has_ended = True
            self.dead_lettered += len(self._mailbox)
            self._mailbox.clear()
            self.waiting = 0

    # -- messages ------------------------------------------------------------------------------

    def offer(self, message: Message) -> None:
        """Put a message into the mailbox; a full one drops one, one that ended takes none."""
        if self._has_ended:
            self.dropped += 1
            return
        if self.waiting >= self._capacity:
            self.dropped += 1
            if not self._drops_oldest:
                return
            self._mailbox.popleft()
            self.waiting -= 1
        self.wait()
        self._mailbox.append(message)
        self._go_on()

    def _go_on(self) -> None:
        if self.is_up and self._hand is None and self._mailbox:
            self._hand = self._mailbox.popleft()
            self.waiting -= 1
            self.begin(self._hand)

    def end(self, message: Message) -> None:
        """Go on with the next message, or fail."""
        if message.cut:
            return
        self.ended += 1
        self._hand = None
        if message.verdict is not None:
            self._failed(message, message.verdict)
        else:
            self.note_success(message)
            if not self._has_succeeded and self.family is not None:
                self._has_succeeded = True
                self.family.succeed(self.name)
        self._go_on()

    def _failed(self, message: Message, verdict: Verdict) -> None:
        message.attempts += 1
        match fate(self._disposition, message.attempts):
            case "redeliver":
                self.retried += 1
                self.waiting += 1
                self._mailbox.appendleft(message)
            case "dead_letter":
                self.dead_lettered += 1
                self.given_up += 1
                self.note_loss(message)
            case "discard":
                self.dropped += 1
                self.note_loss(message)
        if self.family is not None:
            self.family.fail(self.name, _exception(verdict, self.path), "run")


def _exception(verdict: Verdict, path: str) -> BaseException:
    if verdict is Verdict.OUTAGE:
        return SimulatedOutageError(f"{path}: what it depends on is away")
    return SimulatedFailureError(f"{path}: {verdict.value}")
