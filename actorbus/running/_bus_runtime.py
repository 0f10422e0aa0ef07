"""What the delivery needs of a running bus."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from actorbus._driver_thread import DriverThread
from actorbus._fault_points import FaultPoints
from actorbus._store import Store
from actorbus._user_calls import UserCalls
from actorbus.consuming._limits import Limits
from actorbus.declaring._channel import Channel
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._routed_channel import Routing
from actorbus.distributed._counts import DistributedCounts
from actorbus.distributed._elsewhere import Reached
from actorbus.endpoints._workload import Counts
from actorbus.gateways._way import Receipt
from actorbus.handling._dispatch import Dispatch
from actorbus.messages._message import Headers
from actorbus.outbox._brokers import Brokers
from actorbus.running._pace import Pace
from actorbus.schedules._scheduler import Scheduler
from actorbus.sending._placing import Places
from actorbus.sending._replies import Replies
from actorbus.transactions._unit_of_work import UnitOfWork
from actors import ActorSystem

if TYPE_CHECKING:
    from actorbus.tuning._recorder import Recorder


class BusRuntime(Protocol):
    """What the delivery needs of a running bus. All of it is used on the trio side."""

    @property
    def system(self) -> ActorSystem: ...
    @property
    def store(self) -> Store: ...
    @property
    def dispatch(self) -> Dispatch: ...
    @property
    def seed(self) -> int | None:
        """What jitter is drawn from; None for a different one in each run."""
        ...

    @property
    def pace(self) -> Pace | None:
        """How often the store is looked after, if not as usual."""
        ...

    @property
    def deduplicate_for(self) -> float | None:
        """Seconds for which deduplication keys are remembered; None leaves it to the store."""
        ...

    @property
    def lease(self) -> float:
        """Seconds for which the process's lease holds after its last renewal."""
        ...

    @property
    def recorder(self) -> "Recorder | None":
        """What is to record it from its start on, if there is one."""
        ...

    @property
    def counts(self) -> Counts:
        """The counts of all endpoints together, which outlive the run."""
        ...

    @property
    def reaches(self) -> Sequence[Reached]:
        """The endpoints that other services reach."""
        ...

    @property
    def distributed_counts(self) -> DistributedCounts:
        """The counts of what passes between services."""
        ...

    @property
    def scheduler(self) -> Scheduler | None:
        """What sends the ticks of schedules, if there are any."""
        ...

    @property
    def channels(self) -> Sequence[Channel]:
        """The declared channels that this process consumes from its start on."""
        ...

    @property
    def limits(self) -> Limits:
        """What ends their consumption."""
        ...

    @property
    def prioritised(self) -> bool:
        """Whether a channel waits while those before it have something ready."""
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

    @property
    def declared_channels(self) -> Sequence[Channel | Routing]:
        """All declared channels, consumed here or not."""
        ...

    @property
    def user_calls(self) -> UserCalls:
        """What calls functions of the program's."""
        ...

    async def store_message(self, channel: str, message: Any) -> Receipt:
        """Store a message on a channel, as a gateway would."""
        ...

    def endpoints_of(self, channel: str) -> Sequence[HandlerSpec]:
        """Return the asynchronous handlers on this channel, in declared order."""
        ...

    @property
    def places(self) -> Places:
        """Where messages are stored that are sent on a channel."""
        ...

    @property
    def drivers(self) -> DriverThread:
        """Where drivers run that know asyncio only; started if a channel needs it."""
        ...

    @property
    def largest_body(self) -> int:
        """Bytes; a larger message is refused where it arrives."""
        ...

    @property
    def name(self) -> str:
        """The bus's name."""
        ...

    def takes_transaction(self, endpoint: str) -> bool:
        """Whether the handler of an endpoint is given a Transaction."""
        ...

    def error_endpoint(self, channel: str) -> str | None:
        """Return the endpoint id of a channel's error handler; None if it has none here."""
        ...

    def synchronous(self) -> Sequence[HandlerSpec]:
        """Return the handlers without a channel, queries included."""
        ...

    def unit_of_work(
        self, owner: str, headers: Headers, *, alone: bool, group: int = 1
    ) -> UnitOfWork:
        """Make the unit of work of one message; `alone`: its turn is a commit of its own."""
        ...
