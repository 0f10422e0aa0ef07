"""The actor of a synchronous endpoint: its calls run in their callers' tasks, side by side.

Their outcomes are reported here; nothing is restarted, since nothing runs in the actor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from actorbus.declaring._handlers import HandlerSpec
from actorbus.endpoints._traceback import described
from actors import Actor


@dataclass(slots=True)
class Calls:
    """What became of an endpoint's calls in this process. It outlives the actor's instances."""

    spec: HandlerSpec
    succeeded: int = 0
    failed: int = 0
    failures_in_a_row: int = 0
    last_error: str | None = None
    """In words: the error itself is the caller's, and would keep all that its frames hold."""

    def note(self, error: BaseException | None) -> None:
        """Count one call."""
        if error is None:
            self.succeeded += 1
            self.failures_in_a_row = 0
            return
        self.failed += 1
        self.failures_in_a_row += 1
        self.last_error = described(error)


class SynchronousEndpoint(Actor, restart="permanent", runs_on="trio"):
    """Shows a synchronous endpoint in the tree, with the counts of its calls."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls

    def describe(self) -> Mapping[str, object]:
        """Return what the tree shows."""
        calls = self._calls
        return {
            "kind": "synchronous endpoint",
            "endpoint": calls.spec.endpoint_id,
            "message_kind": calls.spec.kind,
            "succeeded": calls.succeeded,
            "failed": calls.failed,
            "last_error": calls.last_error,
        }
