"""What endpoints and channels need of the bus."""

from typing import Protocol

from actorbus._driver_thread import DriverThread
from actorbus._fault_points import FaultPoints
from actorbus._store import Store
from actorbus._user_calls import UserCalls
from actorbus.consuming._pauses import Paused
from actorbus.endpoints._workload import Counts, Workload
from actorbus.handling._dispatch import Dispatch
from actorbus.messages._message import Headers
from actorbus.outbox._brokers import Brokers
from actorbus.sending._placing import Places
from actorbus.sending._replies import Replies
from actorbus.transactions._unit_of_work import UnitOfWork
from actors.events import Event


class Surroundings(Protocol):
    """What endpoints and channels need of the bus."""

    @property
    def store(self) -> Store: ...
    @property
    def dispatch(self) -> Dispatch: ...
    @property
    def counts(self) -> Counts:
        """The counts of all endpoints together."""
        ...

    @property
    def replies(self) -> Replies | None:
        """The answers to queries; None where no channel carries queries."""
        ...

    @property
    def brokers(self) -> Brokers:
        """What publishes messages at brokers."""
        ...

    @property
    def fault_points(self) -> FaultPoints:
        """The points at which a test lets something happen."""
        ...

    def prepare(self, workload: Workload) -> None:
        """Have a new endpoint supervised as was set, and recorded if anybody records."""
        ...

    @property
    def paused(self) -> Paused:
        """What is paused now."""
        ...

    @property
    def places(self) -> Places:
        """Where messages are stored that are sent on a channel."""
        ...

    @property
    def user_calls(self) -> UserCalls:
        """What calls functions of the program's."""
        ...

    @property
    def drivers(self) -> DriverThread:
        """Where drivers run that know asyncio only; started if a channel needs it."""
        ...

    @property
    def largest_body(self) -> int:
        """Bytes; a larger message is refused where it arrives."""
        ...

    def takes_transaction(self, endpoint: str) -> bool:
        """Whether the handler of an endpoint is given a Transaction."""
        ...

    def error_endpoint(self, channel: str) -> str | None:
        """Return the endpoint id of a channel's error handler; None if it has none here."""
        ...

    def unit_of_work(
        self, owner: str, headers: Headers, *, alone: bool, group: int = 1
    ) -> UnitOfWork:
        """Make the unit of work of one message."""
        ...

    async def pause_channel(self, channel: str, reason: str) -> None:
        """Have no process take a channel's messages until it is resumed."""
        ...

    def publish(self, event: Event) -> None:
        """Put an event on the system's stream."""
        ...

    def wake_channels(self) -> None:
        """Have every channel look for messages."""
        ...

    def due_in(self, delay: float) -> None:
        """Have the poller look again in `delay` seconds, at the latest."""
        ...

    def lease_holds(self) -> bool:
        """Whether messages may be started: what was claimed is this process's for sure."""
        ...
