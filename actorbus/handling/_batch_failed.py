"""How a handler of batches says which messages of a batch failed."""

from collections.abc import Mapping

from actorbus._errors import ActorBusError
from actorbus.options._options import is_whole


class BatchFailed(ActorBusError):
    """Yours to raise: some messages of a batch failed, all others are handled.

    `BatchFailed({3: error})` names the failed ones by their place in the list, from 0, each with
    its exception. They are retried, each with its own attempts and by its own error; the others
    are settled, and what the handler wrote and sent is committed with them: it is the one
    exception that does not undo the transaction. Undo what a failed message wrote with a savepoint.
    If all are named, nothing is committed.
    """

    def __init__(self, failures: Mapping[int, Exception]) -> None:
        if not failures:
            raise ValueError("BatchFailed({}) names no message: return instead")
        for error in failures.values():
            if not isinstance(error, Exception):
                raise TypeError(f"BatchFailed: {error!r} is not an exception")
        super().__init__(failures)
        self.failures = dict(failures)

    def __str__(self) -> str:
        return f"{len(self.failures)} messages of a batch failed"

    def within(self, count: int) -> dict[int, Exception]:
        """Return the failures. Raises ValueError if one of them is not in a batch of `count`."""
        for place in self.failures:
            if not is_whole(place) or not 0 <= place < count:
                raise ValueError(f"BatchFailed: {place!r} is no place in a batch of {count}")
        return self.failures
