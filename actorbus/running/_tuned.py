"""Supervision that was set while the bus runs, as this process has it, and its endpoints.

Rules:
 1. What is set takes the place of what was declared, setting by setting, on all channels of the
    endpoint and for all its tenants; also for those that start later, and in later processes.
 2. It counts from the next decision on: nothing is restarted, and no message is given back.
 3. What does not go with what is declared now, in a changed program, is left out, and told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import trio

from actorbus._bus_events import SupervisionChanged, SupervisionLeftOut
from actorbus._store import Store, SupervisionRow
from actorbus.channels._desk import Endpoint
from actorbus.endpoints._plan import EndpointPlan
from actorbus.endpoints._workload import Workload
from actorbus.options._supervision import Supervision
from actors import ActorDeadError, ActorSystem
from actors.events import Event
from supervisors import ConfigurationError

Settings = Mapping[str, Any]


class Tuned:
    """What was set, by endpoint id. `endpoints` are those that there are in this process now."""

    def __init__(
        self,
        store: Store,
        system: ActorSystem,
        publish: Callable[[Event], None],
        endpoints: Callable[[], Iterable[Endpoint]],
    ) -> None:
        self._store = store
        self._system = system
        self._publish = publish
        self._endpoints = endpoints
        self._rows: dict[str, SupervisionRow] = {}
        self._told: set[tuple[str, int]] = set()
        self._looking = trio.Lock()

    async def start(self) -> None:
        """Read what was set before this process started. Raises StoreError."""
        await self._read()
        for endpoint in self._endpoints():
            self.prepare(endpoint.workload)

    async def heed(self, count: int) -> None:
        """Take over what was changed since, `count` changes being made in all."""
        if count != sum(row.version for row in self._rows.values()):
            await self.look()

    async def look(self) -> None:
        """Take over what was changed since the last look. Raises StoreError."""
        async with self._looking:  # who changes it looks, and so does the poller: once is told
            self._take_over(await self._read())

    def _take_over(self, before: Mapping[str, SupervisionRow]) -> None:
        changed = [row for name, row in self._rows.items() if row != before.get(name)]
        for endpoint in self._endpoints():
            if any(row.endpoint in endpoint.workload.plan.ids for row in changed):
                self._apply(endpoint.workload)
        for row in changed:
            self._tell(before.get(row.endpoint), row)

    def prepare(self, workload: Workload) -> None:
        """Supervise a new endpoint as was set."""
        if self._rows:
            workload.supervise(self._wanted(workload.plan))

    async def _read(self) -> dict[str, SupervisionRow]:
        before = self._rows
        self._rows = {row.endpoint: row for row in await self._store.supervision()}
        return before

    def _apply(self, workload: Workload) -> None:
        wanted = self._wanted(workload.plan)
        if wanted == workload.supervision:
            return
        workload.supervise(wanted)
        try:
            self._system.supervise(
                workload.plan.path, backoff=wanted.backoff, intensity=wanted.intensity
            )
        except (KeyError, ActorDeadError):
            return  # there is no actor now; the next one is made as is wanted

    def _wanted(self, plan: EndpointPlan) -> Supervision:
        row = next((self._rows[name] for name in plan.ids if name in self._rows), None)
        if row is None:
            return plan.supervision
        try:
            return plan.supervision.changed(settings_of(row.settings))
        except ConfigurationError as error:
            self._leave_out(plan, row, error)
            return plan.supervision

    def _leave_out(
        self, plan: EndpointPlan, row: SupervisionRow, error: ConfigurationError
    ) -> None:
        if (row.endpoint, row.version) not in self._told:  # once, not for each tenant
            self._told.add((row.endpoint, row.version))
            about = plan.path, trio.current_time(), row.endpoint, row.changed_by
            self._publish(SupervisionLeftOut(*about, settings_of(row.settings), error))

    def _tell(self, old: SupervisionRow | None, new: SupervisionRow) -> None:
        path, now = self._system.name, trio.current_time()
        about = path, now, new.endpoint, new.changed_by, new.changed_at, new.reason
        before = {} if old is None else settings_of(old.settings)
        self._publish(SupervisionChanged(*about, before, settings_of(new.settings)))


def settings_of(text: str) -> dict[str, Any]:
    """Return stored settings; a text that was damaged says nothing."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}
