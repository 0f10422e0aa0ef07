"""The actor of an asynchronous endpoint: it supervises its workers, it does not serialise them.

Its life: after trouble with the store it first checks that the store is back and writes what
could not be written (a failed start waits); after an outage it probes with one message; then its
workers run up to `concurrency` messages at once. It fails when it fell sick or the store failed
it, once nothing of it runs any more, so that its supervisor restarts it under its backoff.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from actorbus._bus_events import StoreTrouble
from actorbus._store import StoreError
from actorbus.channels._broker import BrokerUnavailable
from actorbus.channels._fairness import WorkerShares
from actorbus.endpoints._runner import Runner
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workers import SharedWorkers, Slice, Workers
from actorbus.endpoints._workload import Workload
from actors import Actor


@dataclass(frozen=True, slots=True)
class Healthy:
    """A probe succeeded. Handling it is the success that lets the backoff start afresh."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The workers that a dynamic channel's tenants share."""

    shares: WorkerShares
    notify: Callable[[str], None]
    """Wakes a worker of the endpoint with this path."""


class EndpointActor(Actor, restart="permanent", runs_on="trio"):
    """One endpoint, or one tenant's endpoint; `workload` and `processing` outlive the instance."""

    def __init__(
        self,
        bus: Surroundings,
        workload: Workload,
        processing: Runner,
        time_slice: Slice,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__()
        self._bus = bus
        self._workload = workload
        self._processing = processing
        self._slice = time_slice
        self._sharing = sharing

    async def on_start(self) -> None:
        """Recover what the last instance left, then begin to work."""
        workload = self._workload
        if workload.trouble is not None or workload.unsettled:
            await self._recover()
        workload.outage.restarted()
        workload.connect(self._make_workers().notify, self._tell_healthy)
        workload.notify()
        workload.ask_for_more()

    async def on_receive(self, message: object) -> None:
        """Note a success: there is nothing else to do."""

    async def on_failure(self, *_error: object) -> None:
        """Leave the workload to the next instance."""
        self._workload.disconnect()

    async def on_stop(self) -> None:
        """Give back what was not started."""
        self._workload.disconnect()
        self._processing.settling.give_back(self._workload.give_up_waiting())

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        workload = self._workload
        return {
            "kind": "endpoint",
            "endpoint": workload.plan.spec.endpoint_id,
            "tenant": workload.plan.tenant,
            "health": workload.health,
            "running": len(workload.running),
            "in_flight": workload.held,
            **workload.flow_details(),
        }

    async def _recover(self) -> None:
        workload = self._workload
        try:
            await self._bus.store.reopen()
            await self._processing.settling.settle_what_was_lost()
        except StoreError as error:
            self._bus.publish(StoreTrouble(workload.plan.path, trio.current_time(), error))
            raise
        workload.trouble = None

    def _make_workers(self) -> Workers:
        start_soon, processing = self.context.start_soon, self._processing
        if self._sharing is None:
            return Workers(
                self._workload,
                processing.run,
                start_soon=start_soon,
                time_slice=self._slice,
                why_restart=self._why_restart,
            )
        return SharedWorkers(
            self._workload,
            processing.run,
            start_soon=start_soon,
            time_slice=self._slice,
            why_restart=self._why_restart,
            shares=self._sharing.shares,
            notify_tenant=self._sharing.notify,
        )

    def _why_restart(self) -> BaseException:
        """Return what to fail with; of a broker that is away the log tells, once, by the event."""
        error = self._processing.judging.why_restart()
        if isinstance(error.__cause__, BrokerUnavailable):
            self.context.told_of(error)
        return error

    def _tell_healthy(self) -> None:
        self.context.ref.tell(Healthy())
        self._workload.ask_for_more()
