"""What runs the messages of an endpoint, as its actor and its channel see it."""

from typing import Protocol

from actorbus._store import Claimed
from actorbus.endpoints._judging import Judging
from actorbus.endpoints._settling import Settling


class Runner(Protocol):
    """Runs the messages of one workload; it outlives the instances of the endpoint's actor."""

    @property
    def settling(self) -> Settling:
        """What writes their settlements."""
        ...

    @property
    def judging(self) -> Judging:
        """What judges their failures."""
        ...

    async def run(self, claimed: Claimed, *, alone: bool) -> None:
        """Run a message, with others behind it or `alone`."""
        ...
