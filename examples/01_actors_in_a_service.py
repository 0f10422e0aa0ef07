"""An actor system inside an asyncio service: one actor per visitor, a failure that stays its own.

The service is bare asyncio, so that this runs anywhere; under FastAPI or Starlette the body of
`lifespan` is the same, and `service.system` would be `app.state.system`.

    python -m examples.01_actors_in_a_service
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors import Actor, ActorRef, ActorSystem


class Visitor(Actor):
    """Counts one visitor's pages. Handles one message at a time: no lock is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0

    async def on_receive(self, page: str) -> int:
        if page == "/broken":
            raise RuntimeError("no such template")
        self.pages += 1
        return self.pages


class Service:
    """What a web framework calls for each request."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.visitors: dict[str, ActorRef[Visitor]] = {}

    async def get(self, visitor: str, page: str) -> str:
        if visitor not in self.visitors:
            self.visitors[visitor] = self.system.spawn(Visitor, name=visitor)
        try:
            pages = await self.visitors[visitor].request(page, timeout=1.0)
        except RuntimeError as error:
            return f"500 {error}"
        return f"200 page {pages} for {visitor}"


@asynccontextmanager
async def lifespan() -> AsyncIterator[Service]:
    """Runs the system in a thread of its own, beside the loop; ends it in order."""
    async with ActorSystem("visits") as system:
        yield Service(system)


async def main() -> None:
    async with lifespan() as service:
        requests = [("ada", "/"), ("ben", "/"), ("ada", "/broken"), ("ada", "/news"), ("ben", "/a")]
        for visitor, page in requests:
            print(f"{visitor} {page}: {await service.get(visitor, page)}")


if __name__ == "__main__":
    asyncio.run(main())
