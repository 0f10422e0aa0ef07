"""What the parts of an ActorBus that something is declared on have in common."""

from typing import TYPE_CHECKING

from actorbus._errors import BusStateError

if TYPE_CHECKING:
    from actorbus.declaring._declared import Declared


class Part:
    """Holds what was declared, and takes no more of it while the bus runs."""

    name: str
    _declared: "Declared"
    _entered: bool

    def _refuse_while_running(self, what: str) -> None:
        if self._entered:
            raise BusStateError(f"bus {self.name!r} runs: {what} before it is entered")
