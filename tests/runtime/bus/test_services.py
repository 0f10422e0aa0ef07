"""The user's own services: made once per run or per message, and left in the end."""

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest

from actorbus import ActorBus, EventBus, Headers, Transaction
from actors import ActorSystem


@dataclass(frozen=True)
class Act:
    fail: bool = False


class Settings:
    limit = 7


class Pool:
    def __init__(self, settings: Settings):
        self.limit = settings.limit


class Session:
    def __init__(self, pool, tenant):
        self.pool = pool
        self.tenant = tenant


def open_pool(steps):
    @asynccontextmanager
    async def pool(settings: Settings):
        steps.append("pool opened")
        yield Pool(settings)
        steps.append("pool closed")

    return pool


def open_session(steps):
    @contextmanager
    def session(pool: Pool, headers: Headers, tx: Transaction, events: EventBus):
        steps.append("session opened")
        try:
            yield Session(pool, headers["tenant"])
        finally:
            steps.append("session closed")

    return session


async def test_services_are_made_as_long_as_their_scope_and_left_in_order():
    steps: list[str] = []
    bus = ActorBus("shop")
    bus.provide(Session, open_session(steps), scope="message")
    bus.provide(Pool, open_pool(steps))
    bus.provide(Settings, value=Settings())

    @bus.command_handler
    async def act(command: Act, session: Session, pool: Pool, system: ActorSystem):
        assert session.pool is pool
        steps.append(f"{session.tenant} {pool.limit} {system.name}")

    async with bus.running():
        for tenant in "ab":
            await bus.commands.send(Act(), headers={"tenant": tenant})

    one = ["session opened", "a 7 shop", "session closed"]
    two = ["session opened", "b 7 shop", "session closed"]
    assert steps == ["pool opened", *one, *two, "pool closed"]


async def test_a_messages_service_is_left_when_its_handler_fails():
    steps: list[str] = []
    bus = ActorBus("shop")
    bus.provide(Pool, open_pool(steps))
    bus.provide(Settings)
    bus.provide(Session, open_session(steps), scope="message")

    @bus.command_handler
    def act(command: Act, session: Session):
        raise ValueError(session.tenant)

    async with bus.running():
        with pytest.raises(ValueError, match="a"):
            await bus.commands.send(Act(), headers={"tenant": "a"})

    assert steps == ["pool opened", "session opened", "session closed", "pool closed"]


async def test_a_service_that_fails_to_start_stops_the_bus_from_starting():
    def broken() -> Settings:
        raise OSError("no settings")

    bus = ActorBus("shop")
    bus.provide(Settings, broken)
    with pytest.raises(OSError, match="no settings"):
        async with bus.running():
            pass


async def test_coroutines_are_awaited_and_other_things_taken_as_they_are():
    async def settings() -> Settings:
        return Settings()

    bus = ActorBus("shop")
    bus.provide(Settings, settings)
    bus.provide(int, value=3)

    @bus.command_handler
    async def act(command: Act, settings: Settings, number: int):
        return settings.limit, number

    async with bus.running():
        assert await bus.commands.send(Act()) == (7, 3)


def test_under_asyncio_services_are_made_and_left_on_the_callers_loop():
    steps: list[str] = []
    bus = ActorBus("shop")
    bus.provide(Settings, value=Settings())

    @asynccontextmanager
    async def pool(settings: Settings):
        loop = asyncio.get_running_loop()
        steps.append("pool opened")
        yield Pool(settings)
        assert asyncio.get_running_loop() is loop
        steps.append("pool closed")

    @asynccontextmanager
    async def session(pool: Pool, headers: Headers):
        try:
            yield Session(pool, headers["tenant"])
        except ValueError as error:
            steps.append(f"saw {error}")
            raise

    bus.provide(Pool, pool)
    bus.provide(Session, session, scope="message")

    @bus.command_handler
    async def act(command: Act, session: Session):
        steps.append(session.tenant)
        if command.fail:
            raise ValueError("failure")

    async def main():
        async with bus.running():
            await bus.commands.send(Act(), headers={"tenant": "a"})
            with pytest.raises(ValueError, match="failure"):
                await bus.commands.send(Act(fail=True), headers={"tenant": "b"})

    asyncio.run(main())
    assert steps == ["pool opened", "a", "b", "saw failure", "pool closed"]


def test_an_asyncio_service_that_fails_to_start_is_raised():
    async def broken() -> Settings:
        await asyncio.sleep(0)
        raise OSError("no settings")

    bus = ActorBus("shop")
    bus.provide(Settings, broken, runs_on="asyncio")
    with pytest.raises(OSError, match="no settings"), bus.running_in_thread():
        pass
