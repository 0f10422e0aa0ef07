"""What is told what happens to an endpoint's messages, for as long as somebody wants to know."""

from collections.abc import Iterable
from typing import Protocol

from actorbus._store import Claimed
from supervisors import Verdict


class Watcher(Protocol):
    """Called at the moment, on the trio side; it must not wait, nor fail."""

    def arrived(self, batch: Iterable[Claimed], /) -> None:
        """Messages were claimed."""
        ...

    def began(self, claimed: Claimed, /) -> None:
        """A handler is started on a message."""
        ...

    def succeeded(self, claimed: Claimed, /) -> None:
        """A handler was done with a message."""
        ...

    def failed(self, claimed: Claimed, verdict: Verdict, error: BaseException, /) -> None:
        """A handler failed, or the store did, and whose fault it was."""
        ...

    def released(self, batch: Iterable[Claimed], /) -> None:
        """Messages are given back, uncounted."""
        ...

    def tuned(self) -> None:
        """The endpoint is supervised in another way from now on."""
        ...
