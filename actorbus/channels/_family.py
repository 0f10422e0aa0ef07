"""The supervisor of all channels of a process: some may be added and taken away as it runs."""

from dataclasses import dataclass
from typing import Any

from actors import Supervisor
from supervisors import ChildSpec


@dataclass(frozen=True, slots=True)
class StartChannel:
    """Consume one more channel."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class StopChannel:
    """Consume a channel no more; the answer is there once its actor has ended."""

    name: str


class Channels(Supervisor):
    """Supervises the channels' actors; one that fails is restarted alone.

    The list of children is the delivery's, which keeps it up to date for a restart of this actor.
    """

    async def on_receive(self, message: StartChannel | StopChannel) -> Any:
        """Start a channel, or stop one."""
        match message:
            case StartChannel(spec):
                await self.context.spawn(spec).started()
            case StopChannel(name):
                ref = self.context.children.get(name)
                if ref is not None:
                    ref.stop(block=False)
                    await ref.terminated()
