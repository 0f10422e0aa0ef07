"""Processing that measures its handler's calls, for concurrency by load."""

from actorbus._store import Claimed
from actorbus.endpoints._flow import Flow
from actorbus.endpoints._processing import Processing
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from supervisors import DrawStream


class MeasuredProcessing(Processing):
    """Tells the flow how long each call took, and whether it failed."""

    def __init__(
        self, bus: Surroundings, workload: Workload, draws: DrawStream, flow: Flow
    ) -> None:
        super().__init__(bus, workload, draws)
        self._flow = flow

    async def _handle(self, claimed: Claimed, *, alone: bool) -> None:
        with self._flow.call(self._workload):
            await super()._handle(claimed, alone=alone)
