"""A kept traceback begins at the handler; without a frame of a user's it is whole."""

import logging
import re
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from actorbus import EventBus, Retry, SubscribersFailed
from actorbus._own_frames import formatted
from tests.runtime.bus.delivery.jobs import Job


def fail():
    raise ValueError("no address")


async def on_trio(event: Job):
    fail()


def on_a_thread(event: Job):
    fail()


@asynccontextmanager
async def dead(bus, handler, **options):
    """Let it fail once, and give its only dead letter with its history."""
    bus.add_channel("mail", retry=Retry(attempts=1))
    bus.event_handler(channel="mail", endpoint_id="confirm", **options)(handler)
    async with bus.running():
        await bus.events.publish(Job(1))
        await bus.idle()
        [letter] = await bus.dead_letters.list()
        yield await bus.dead_letters.show(letter.copy_id)


def functions(traceback):
    return re.findall(r"line \d+, in (\w+)", traceback)


@pytest.mark.parametrize(
    ("handler", "options"),
    [
        (on_trio, {}),
        (on_trio, {"runs_on": "asyncio"}),
        (on_a_thread, {}),
        (on_trio, {"timeout": 9}),
    ],
)
async def test_it_begins_at_the_handler(bus, handler, options):
    async with dead(bus, handler, **options) as letter:
        assert functions(letter.failures[0].traceback) == [handler.__name__, "fail"]
        assert functions(letter.traceback) == [handler.__name__, "fail"]


async def test_the_log_begins_at_the_handler_too(bus, caplog):
    caplog.set_level(logging.ERROR, logger="actorbus")
    async with dead(bus, on_trio):
        pass
    [record] = [one for one in caplog.records if one.exc_info and one.name == "actorbus"]
    assert record.exc_info[2].tb_frame.f_code.co_name == "on_trio"


async def test_an_error_that_names_no_line_of_a_users_is_shown_whole(bus):
    class Lines:
        pass

    async def never_called(event: Job, lines: Lines): ...

    async def broken() -> Lines:
        raise ValueError(int("x"))

    bus.provide(Lines, broken, scope="message")
    async with dead(bus, never_called) as letter:
        assert functions(letter.traceback) == ["broken"]


async def test_each_part_of_a_group_begins_at_its_handler(bus):
    @bus.event_handler(endpoint_id="reserve")
    async def reserve(event: Job):
        fail()

    async with bus.running():
        with pytest.raises(SubscribersFailed) as caught:
            await bus.events.publish(Job(1))
    [of_reserve] = caught.value.exceptions
    assert functions(formatted(of_reserve)) == ["reserve", "fail"]
    assert functions(formatted(caught.value))[-2:] == ["reserve", "fail"]


async def test_the_error_of_a_synchronous_handler_shows_its_sender_where_it_failed(bus):
    @bus.command_handler
    async def handle(command: Job):
        fail()

    async with bus.running():
        with pytest.raises(ValueError, match="no address") as caught:
            await bus.commands.send(Job(1))
    assert [entry.name for entry in caught.traceback][-2:] == ["handle", "fail"]


def test_what_has_only_frames_of_our_own_keeps_them():
    with pytest.raises(AttributeError) as caught:
        EventBus.publish(cast("Any", None), None)
    error = caught.value
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next  # without the test's own
    assert functions(formatted(error)) != []
