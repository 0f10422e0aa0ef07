"""The functions that handlers gave to `after_commit`: run in order, waited for at the end."""

import inspect
import logging
from collections.abc import Sequence

import trio

from actorbus._calls import detached
from actorbus.transactions._listeners import Hook
from actors import ActorSystem, Reply

logger = logging.getLogger("actorbus")


class AfterCommit:
    """Runs the hooks of each commit, in a task of the system's."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._running: set[Reply[None]] = set()

    def run(self, hooks: Sequence[Hook]) -> None:
        """Run `after_commit` functions, one after the other. One that fails is logged."""
        reply = self._system.run(self._run_all, tuple(hooks))
        self._running.add(reply)
        reply.add_done_callback(self._running.discard)

    async def _run_all(self, hooks: Sequence[Hook]) -> None:
        with detached():
            for hook in hooks:
                try:
                    await self._run_one(hook)
                except Exception:
                    logger.exception("an after_commit function failed: %r", hook)

    async def _run_one(self, hook: Hook) -> None:
        if inspect.iscoroutinefunction(hook):
            await hook()
        else:
            await self._system.run_in_thread(hook)

    async def finish(self, timeout: float) -> None:
        """Wait for those that run, `timeout` seconds at most; how many were left is logged."""
        with trio.move_on_after(timeout) as scope:
            for reply in tuple(self._running):
                await reply
        if scope.cancelled_caught:
            logger.error("%d after_commit functions were still running", len(self._running))
