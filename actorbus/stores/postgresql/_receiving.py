"""Taking messages of a broker over into a PostgreSQL store."""

from collections.abc import Collection, Mapping, Sequence

from actorbus._store import Claimed, Received, StoreRefused


class Receiving:
    """The part of a store that a broker's channel needs. See `actorbus._store.Store`."""

    async def receive(
        self, group: str, batch: Sequence[Claimed], noting: Collection[str] = ()
    ) -> Received:
        """Refuse: a broker's messages are not taken over here yet."""
        raise _refused()

    async def begun(self, group: str) -> Mapping[tuple[str, int], int]:
        """Refuse."""
        raise _refused()

    async def hand_over(
        self,
        group: str,
        places: Sequence[tuple[str, int]],
        unstarted: Sequence[Claimed] = (),
        running: Sequence[Claimed] = (),
    ) -> None:
        """Refuse."""
        raise _refused()

    async def adopt(self, batch: Sequence[Claimed]) -> int:
        """Refuse."""
        raise _refused()


def _refused() -> StoreRefused:
    return StoreRefused("a PostgreSQL store does not take messages of a broker over yet")
