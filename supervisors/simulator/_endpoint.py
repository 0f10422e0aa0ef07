"""An endpoint of a bus in a simulation: its queue, its credit, its health, its retries.

Rules, as in the bus: (1) messages are taken from the queue by credit, the first due first;
    (2) a try that fails is judged by its verdict, its endpoint's health and its retry;
    (3) an endpoint that falls sick gives back what it has not begun, and fails once nothing of it
        runs any more: its supervisor decides;
    (4) an instance that is replaced or stopped gives back what it runs, uncounted.

The decisions are `DependencyHealth`, `free_places` and `next_try`; here is only what they move.
"""

from collections import deque
from heapq import heappop, heappush

from supervisors._credit import free_places
from supervisors._dependency import DependencyHealth, Health
from supervisors._verdict import GiveUpMessage, ReleaseMessage, TryAgain, Verdict, next_try

from ._load import Load, Message
from ._model import Endpoint
from ._plan import SimulatedOutageError
from ._report import HealthStep, LoadReport, MessageStep
from ._world import World


class EndpointMember(Load):
    """See the rules above."""

    def __init__(self, world: World, model: Endpoint, path: str) -> None:
        super().__init__(world, model.spec, path, model)
        self._retry = model.retry
        self._concurrency = model.concurrency
        self._limit = model.max_in_flight
        self._low_water = model.max_in_flight // 2
        self._bound = model.mailbox
        self._drops_oldest = model.overflow == "drop_oldest"
        self._health = DependencyHealth(model.breaker)
        self._draws = world.messages_of(path)
        self._ready: list[tuple[float, int, Message]] = []
        self._unstarted: deque[Message] = deque()
        self._running: dict[int, Message] = {}

    # -- its life ------------------------------------------------------------------------------

    def up(self) -> None:
        """Take messages, or probe if it was sick."""
        self.is_up = True
        self._health.restarted()
        if self._health.health is Health.HEALTHY:
            self.well()
        self._go_on()

    def down(self, *, final: bool) -> None:  # the queue outlives it
        """Give back what it holds."""
        self.is_up = False
        self.unwell()
        cut = [message.again() for message in self._running.values()]
        self._running.clear()
        self.waiting += len(cut)
        self._give_back([*self._unstarted, *cut])
        self._unstarted.clear()

    # -- messages ------------------------------------------------------------------------------

    def offer(self, message: Message) -> None:
        """Put a message into the queue, or drop one."""
        if self._bound is not None and self.waiting >= self._bound and not self._has_room():
            return
        if self._may_begin_at_once():
            self._running[message.number] = message
            self.begin(message)
            return
        self.wait()
        heappush(self._ready, (message.due, message.number, message))
        self._go_on()

    def _may_begin_at_once(self) -> bool:
        if not self.is_up or self._ready or self._unstarted:
            return False
        return len(self._running) < self._concurrency and self._health.health is Health.HEALTHY

    def _has_room(self) -> bool:
        """Count a drop; return whether the new message has a place by it."""
        self.dropped += 1
        if not self._drops_oldest or not (self._unstarted or self._ready):
            return False
        self.waiting -= 1
        if self._unstarted:
            self._unstarted.popleft()
        else:
            heappop(self._ready)
        return True

    def _due(self, message: Message) -> None:
        heappush(self._ready, (message.due, message.number, message))
        self._go_on()

    def _go_on(self) -> None:
        """Take what there is room for, and begin what may begin."""
        if not self.is_up:
            return
        health, unstarted, running = self._health, self._unstarted, self._running
        while unstarted or self._ready:
            if self._ready:
                self._claim()
            before = len(running)
            while unstarted and len(running) < self._concurrency:
                if health.health is not Health.HEALTHY and not health.may_start(len(running)):
                    break
                message = unstarted.popleft()
                self.waiting -= 1
                running[message.number] = message
                self.begin(message)
            if len(running) == before:
                return

    def _claim(self) -> None:
        ready, unstarted = self._ready, self._unstarted
        waiting = len(unstarted)
        held = waiting + len(self._running)
        free = free_places(self._limit, held, waiting, self._low_water)
        for _ in range(min(self._health.credit(free, held), len(ready))):
            unstarted.append(heappop(ready)[2])
        if self._health.health is Health.PROBING and unstarted:
            self._keep_the_probe()

    def _keep_the_probe(self) -> None:
        others = list(self._unstarted)
        probe = others.pop(self._health.choose_probe([one.number for one in others]))
        self._unstarted.clear()
        self._unstarted.append(probe)
        self._give_back(others)

    def _give_back(self, messages: list[Message]) -> None:
        self.released += len(messages)
        for message in messages:
            heappush(self._ready, (message.due, message.number, message))

    # -- ends of tries -------------------------------------------------------------------------

    def end(self, message: Message) -> None:
        """Settle a try, and go on."""
        if message.cut:
            return
        self.ended += 1
        del self._running[message.number]
        health = self._health
        if message.verdict is None:
            self.note_success(message)
            if health.succeeded(message.number):
                self._opened()
        else:
            self._failed(message, message.verdict)
        if health.health is Health.SICK:
            self._fail_if_idle()
        if self._ready or self._unstarted:
            self._go_on()

    def _failed(self, message: Message, verdict: Verdict) -> None:
        health, outages, attempt = self._health, self._health.outages, message.attempts + 1
        alone = health.noted(message.number, verdict)
        if health.outages != outages:
            self._fell_sick()
        outcome = next_try(verdict, attempt, self._retry, self._draws.random(), alone=alone)
        now = self.agenda.now
        self.world.note(MessageStep(now, self.path, message.number, attempt, outcome))
        match outcome:
            case TryAgain(delay):
                self.retried += 1
                message.attempts, message.due = attempt, now + delay
                self.wait()
                self.agenda.at(message.due, self._due, message)
            case ReleaseMessage():
                self.wait()
                self._give_back([message])
            case GiveUpMessage():
                self.dead_lettered += 1
                self.given_up += verdict is not Verdict.PERMANENT
                health.forget(message.number)
                self.note_loss(message)

    # -- health --------------------------------------------------------------------------------

    def _fell_sick(self) -> None:
        self.unwell()
        self.world.note(HealthStep(self.agenda.now, self.path, Health.SICK))
        self._give_back(list(self._unstarted))
        self._unstarted.clear()

    def _fail_if_idle(self) -> None:
        if not self._running and self.is_up and self.family is not None:
            cause = SimulatedOutageError(f"{self.path}: what it depends on is away")
            self.family.fail(self.name, cause, "run")

    def _opened(self) -> None:
        self.well()
        self.world.note(HealthStep(self.agenda.now, self.path, Health.HEALTHY))
        if self.family is not None:
            self.family.succeed(self.name)

    def report(self, restarts: int, outages: int = 0) -> LoadReport:  # it knows
        """Return what became of its messages."""
        return super().report(restarts, self._health.outages)
