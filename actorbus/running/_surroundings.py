"""What the parts of the delivery see of the bus, and of each other."""

from collections.abc import Callable

from actorbus.channels._desk import Desk, Endpoint
from actorbus.consuming._pauses import Pause, Paused
from actorbus.endpoints._watcher import Watcher
from actorbus.endpoints._workload import Workload
from actorbus.outbox._outboxes import is_relay
from actorbus.running._bus_runtime import BusRuntime
from actorbus.running._pace import LEAST_PAUSE
from actorbus.running._poller import Alarm
from actorbus.running._tuned import Tuned
from actors.events import Event


class Surroundings:
    """What the parts of the delivery see of the bus, and of each other."""

    def __init__(self, runtime: BusRuntime) -> None:
        self.store = runtime.store
        self.dispatch = runtime.dispatch
        self.places = runtime.places
        self.user_calls = runtime.user_calls
        self.error_endpoint = runtime.error_endpoint
        self.drivers = runtime.drivers
        self.largest_body = runtime.largest_body
        self.takes_transaction = runtime.takes_transaction
        self.unit_of_work = runtime.unit_of_work
        self.counts = runtime.counts
        self.replies = runtime.replies
        self.brokers = runtime.brokers
        self.fault_points = runtime.fault_points
        self.desks: tuple[Desk, ...] = ()
        self.paused = Paused()
        self.watcher_of: Callable[[Workload], Watcher] | None = None
        """Makes what watches an endpoint, while somebody records."""
        pace = runtime.pace
        self.alarm = Alarm(rest=LEAST_PAUSE if pace is None else pace.rest)
        self.lease_alarm = Alarm()
        self._stood_still = False
        self._events = runtime.system.events
        self.tuned = Tuned(self.store, runtime.system, self.publish, lambda: self.handling)
        self._endpoints_of = runtime.endpoints_of

    @property
    def endpoints(self) -> list[Endpoint]:
        """The asynchronous endpoints that there are now, tenants' included."""
        return [endpoint for desk in self.desks for endpoint in desk.all_endpoints()]

    @property
    def handling(self) -> list[Endpoint]:
        """Those of them that are handlers', not relays."""
        return [one for one in self.endpoints if not is_relay(one.workload.plan.spec.endpoint_id)]

    def consumed(self) -> dict[str, list[str]]:
        """Return the endpoint ids whose messages are taken here, by channel."""
        return {
            desk.channel.name: [
                id_
                for spec in self._endpoints_of(desk.channel.name)
                for id_ in (spec.endpoint_id, *spec.aliases)
            ]
            for desk in self.desks
        }

    def prepare(self, workload: Workload) -> None:
        """Have a new endpoint supervised as was set, and recorded if anybody records."""
        self.tuned.prepare(workload)
        if self.watcher_of is not None:
            workload.watcher = self.watcher_of(workload)

    def record(self, watcher_of: "Callable[[Workload], Watcher] | None") -> None:
        """Have all endpoints watched from now on, new ones as well; None: not any more."""
        self.watcher_of = watcher_of
        for endpoint in self.handling:
            endpoint.workload.watcher = watcher_of and watcher_of(endpoint.workload)

    def publish(self, event: Event) -> None:
        """Put an event on the system's stream."""
        self._events.publish(event)

    def due_in(self, delay: float) -> None:
        """Have the poller look again in `delay` seconds, at the latest."""
        self.alarm.due_in(delay)

    def lease_holds(self) -> bool:
        """Whether messages may be started. If the lease has run out it is renewed at once."""
        if self.store.lease_holds:
            return True
        self._stood_still = True
        self.lease_alarm.due_in(0)
        return False

    def stood_still(self) -> bool:
        """Return whether the lease was found to have run out since the last call."""
        stood_still, self._stood_still = self._stood_still, False
        return stood_still

    def wake_channels(self) -> None:
        """Have every channel look for messages."""
        for desk in self.desks:
            desk.bell.wake()

    async def pause_channel(self, channel: str, reason: str) -> None:
        """Have no process take a channel's messages until it is resumed."""
        await self.store.pause(Pause(channel, "", self.store.now(), None, reason))
        self.heed(tuple(await self.store.pauses()))

    def heed(self, pauses: tuple[Pause, ...]) -> None:
        """Hold what is paused now; let go on what is not any more."""
        if pauses != self.paused.pauses and self.paused.change(pauses):
            for desk in self.desks:
                desk.heed(self.paused)
