"""Supervision that is changed while a bus runs: shown, set, reset, heeded, kept and told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio
from typer.testing import CliRunner

from actorbus import (
    ActorBus,
    Backoff,
    BusConfigurationError,
    DynamicChannel,
    EndpointSick,
    MessageDied,
    MessageRetried,
    Retry,
    Supervision,
    SupervisionChanged,
    header,
)
from actorbus._store import SupervisionRow
from actorbus.cli._app import app
from actorbus.tuning import read_recording
from actors.events import BackingOff, Event, Restarted
from tests.acceptance import tuned_app
from tests.acceptance.tuned_workers import two_workers_are_tuned
from tests.waiting import until

RETRY = Retry(attempts=3, initial=600.0, maximum=600.0, jitter=0.0)
BACKOFF = Backoff(initial=600.0, maximum=600.0, jitter=0.0, first_immediate=False)


@dataclass(frozen=True)
class Mail:
    number: int


class GatewayDown(Exception):
    pass


class Post:
    """A bus whose handler raises what `fails` says, and the events that it published."""

    def __init__(self, store=":memory:", *, endpoint_id="send", backoff=BACKOFF, **options):
        self.bus = ActorBus("shop", store, seed=1)
        self.fails: Callable[[Mail], Exception | None] = lambda mail: None
        self.events: list[Event] = []
        self.add_channel(backoff)

        @self.bus.event_handler(channel="mails", endpoint_id=endpoint_id, **options)
        async def send(mail: Mail):
            error = self.fails(mail)
            if error is not None:
                raise error

    def add_channel(self, backoff):
        self.bus.add_channel("mails", retry=RETRY, backoff=backoff, outage=(GatewayDown,))

    def listen(self):
        self.bus.system.events.subscribe(self.events.append)

    def is_done_with(self, number):
        return self.bus.counters.handled == number

    def heard(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path / 'shop.db'}"


async def test_what_was_declared_is_shown_until_something_is_set():
    post = Post(breaker=4)
    async with post.bus.running():
        (one,) = await post.bus.supervision.show()
        assert (one.endpoint, one.channel, one.settings) == ("send", "mails", {})
        assert one.now == one.declared == Supervision(RETRY, BACKOFF, breaker=4)
        (one,) = await post.bus.supervision.set("send", retry_attempts=9, by="ann", reason="slow")
        assert one.declared.retry.attempts == 3
        assert one.now.retry == Retry(attempts=9, initial=600.0, maximum=600.0, jitter=0.0)
        assert (one.settings, one.changed_by, one.reason) == (
            {"retry_attempts": 9},
            "ann",
            "slow",
        )


async def test_the_next_failure_of_a_message_is_decided_by_what_was_set():
    post = Post()
    post.fails = lambda mail: ValueError()
    async with post.bus.running():
        post.listen()
        await post.bus.events.publish(Mail(1))
        await until(lambda: post.heard(MessageRetried))
        await post.bus.supervision.set("send", retry_attempts=2, retry_initial=0.01)
        await post.bus.events.publish(Mail(2))
        await until(lambda: post.heard(MessageDied))
    first, *others = post.heard(MessageRetried)
    assert first.delay == 600.0
    assert [(one.attempt, one.delay) for one in others] == [(1, 0.01)]
    assert post.heard(MessageDied)[0].attempt == 2


async def test_the_backoff_of_a_running_endpoint_changes_without_a_restart():
    """And the message that saw the outage is handled, once, by the next instance."""
    post = Post()
    async with post.bus.running():
        post.listen()
        await post.bus.supervision.set("send", backoff_initial=0.01, backoff_maximum=0.02)
        await post.bus.events.publish(Mail(1))
        await until(lambda: post.bus.counters.handled == 1)
        assert (post.heard(BackingOff), post.heard(Restarted)) == ([], [])
        post.fails = lambda mail: GatewayDown() if not post.heard(EndpointSick) else None
        await post.bus.events.publish(Mail(2))
        await until(lambda: post.bus.counters.handled == 2)
    assert [event.delay for event in post.heard(BackingOff)] == [0.01]
    assert post.bus.counters.dead == 0


async def test_a_breaker_that_was_set_opens():
    post = Post()
    post.fails = lambda mail: ValueError()
    async with post.bus.running():
        post.listen()
        await post.bus.supervision.set("send", breaker=2)
        await post.bus.events.publish_many([Mail(1), Mail(2)])
        await until(lambda: post.heard(EndpointSick))


async def test_more_restarts_than_were_set_restart_the_whole_channel():
    post = Post()
    post.fails = lambda mail: GatewayDown() if len(post.heard(BackingOff)) < 3 else None
    async with post.bus.running():
        post.listen()
        await post.bus.supervision.set("send", max_restarts=1, backoff_initial=0.01)
        await post.bus.events.publish(Mail(1))
        await until(lambda: post.bus.counters.handled == 1)
    waits = [event.path for event in post.heard(BackingOff)]
    assert waits == ["shop/channels/mails/send", "shop/channels/mails", "shop/channels/mails/send"]
    assert post.bus.counters.dead == 0


async def test_settings_add_up_until_they_are_reset():
    post = Post()
    async with post.bus.running():
        show, supervision = post.bus.supervision.show, post.bus.supervision
        await supervision.set("send", retry_attempts=9)
        await supervision.set("send", breaker=5, max_restarts=7, within=60)
        (one,) = await show("send")
        wanted = {"retry_attempts": 9, "breaker": 5, "max_restarts": 7, "within": 60.0}
        assert one.settings == wanted
        (one,) = await supervision.reset("send", breaker=6)
        assert (one.settings, one.now.breaker) == ({"breaker": 6}, 6)
        (one,) = await supervision.set("send", breaker=None)
        assert one.now.breaker is None
        (one,) = await supervision.reset("send")
        assert one.now == one.declared


async def test_each_change_is_an_event_and_a_line_of_the_history(caplog):
    post = Post()
    async with post.bus.running():
        post.listen()
        await post.bus.supervision.set("send", breaker=5, by="ann", reason="too many calls")
        await post.bus.supervision.set("send", breaker=5, by="bob")  # as it is: no change
        await post.bus.supervision.reset("send", by="bob")
        history = await post.bus.supervision.history("send")
    told = [(one.changed_by, one.old, one.new) for one in post.heard(SupervisionChanged)]
    assert told == [("ann", {}, {"breaker": 5}), ("bob", {"breaker": 5}, {})]
    assert [(one.changed_by, one.reason, json.loads(one.new_settings)) for one in history] == [
        ("bob", "", {}),
        ("ann", "too many calls", {"breaker": 5}),
    ]
    assert "send: supervision set by ann: {'breaker': 5} in place of {}" in caplog.text


async def test_of_two_that_look_at_once_one_tells():
    """Who sets it looks at once, and the poller may at the same time."""
    post = Post()
    async with post.bus.running():
        post.listen()
        row = SupervisionRow(
            endpoint="send", settings="{}", changed_at=1.0, changed_by="ann", reason=""
        )
        await post.bus.store.write_supervision(row, "{}")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(post.bus._running().look_at_supervision)
    assert len(post.heard(SupervisionChanged)) == 1


async def test_what_was_set_outlives_the_process(store):
    post = Post(store)
    async with post.bus.running():
        await post.bus.supervision.set("send", retry_attempts=1)
    later = Post(store)
    later.fails = lambda mail: ValueError()
    async with later.bus.running():
        later.listen()
        await later.bus.events.publish(Mail(1))
        await until(lambda: later.heard(MessageDied))
    assert later.heard(SupervisionChanged) == []


async def test_what_does_not_go_with_a_changed_declaration_is_left_out_and_told(store, caplog):
    """The bus starts, as declared."""
    post = Post(store)
    async with post.bus.running():
        await post.bus.supervision.set("send", backoff_maximum=700.0, by="ann")
    later = Post(store, backoff=Backoff(initial=800.0, maximum=900.0))
    async with later.bus.running():
        (one,) = await later.bus.supervision.show()
    assert "maximum=700 is less than initial=800" in one.problem
    assert one.now == one.declared
    assert "send: the supervision that ann set does not go with what is declared" in caplog.text


class TenantsPost(Post):
    def add_channel(self, backoff):
        self.bus.add_channel(
            DynamicChannel("mails", tenant=header("tenant"), retry=RETRY, backoff=backoff)
        )


async def test_tenants_that_start_later_are_supervised_as_was_set():
    post = TenantsPost()
    post.fails = lambda mail: ValueError()
    async with post.bus.running():
        post.listen()
        await post.bus.events.publish(Mail(1), headers={"tenant": "acme"})
        await until(lambda: post.heard(MessageRetried))
        await post.bus.supervision.set("send", retry_attempts=1)
        for tenant in ("acme", "umbrella"):
            await post.bus.events.publish(Mail(2), headers={"tenant": tenant})
        await until(lambda: len(post.heard(MessageDied)) == 2)
    assert {event.tenant for event in post.heard(MessageDied)} == {"acme", "umbrella"}


async def test_a_handler_that_was_renamed_keeps_what_was_set(store):
    post = Post(store)
    async with post.bus.running():
        await post.bus.supervision.set("send", breaker=3)
    renamed = Post(store, endpoint_id="deliver", aliases=("send",))
    async with renamed.bus.running():
        (one,) = await renamed.bus.supervision.show()
    assert (one.endpoint, one.now.breaker) == ("deliver", 3)


async def test_a_recording_says_when_supervision_was_changed(tmp_path):
    post = Post()
    async with post.bus.running(), post.bus.record(tmp_path / "trace"):
        await post.bus.supervision.set("send", breaker=3)
    events = read_recording(tmp_path / "trace").events
    assert [event.kind for event in events] == ["tuned"]


async def test_everything_that_could_not_be_declared_is_refused_at_once():
    post = Post()
    supervision = post.bus.supervision
    async with post.bus.running():
        with pytest.raises(BusConfigurationError, match="did you mean 'send'"):
            await supervision.set("sent", breaker=1)
        with pytest.raises(BusConfigurationError) as caught:
            await supervision.set(
                "send", retry_attempts=0, backoff_factor=0.5, max_restarts=-1, breaker=0
            )
        texts = [problem.text for problem in caught.value.problems]
        assert [text.split(" is not allowed")[0] for text in texts] == [
            "Retry: attempts=0",
            "Backoff: factor=0.5",
            "Intensity: max_restarts=-1",
            "breaker=0",
        ]
        with pytest.raises(BusConfigurationError, match="maximum=1 is less than initial=600"):
            await supervision.set("send", backoff_maximum=1)
        with pytest.raises(BusConfigurationError, match="max_restarts=0 is not allowed"):
            await supervision.set("send", max_restarts=0)
        with pytest.raises(BusConfigurationError, match="would never act"):
            await supervision.set("send", retry_attempts=1, retry_initial=5)
        with pytest.raises(BusConfigurationError, match="within='soon' is not allowed"):
            await supervision.set("send", within="soon")  # type: ignore[arg-type]  # that is refused
        with pytest.raises(BusConfigurationError, match="no setting 'brake'"):
            await supervision.set("send", brake=1)  # type: ignore[call-arg]  # that is refused
        with pytest.raises(BusConfigurationError, match="remember them longer"):
            await supervision.set("send", retry_attempts=100_000)
        assert await supervision.history() == []


async def test_two_changes_at_once_are_both_made():
    post = Post()
    async with post.bus.running():
        async with trio.open_nursery() as nursery:
            for settings in ({"breaker": 3}, {"retry_attempts": 4}, {"max_restarts": 5}):
                nursery.start_soon(_set, post.bus, settings)
        (one,) = await post.bus.supervision.show()
        assert one.settings == {"breaker": 3, "retry_attempts": 4, "max_restarts": 5}
        assert len(await post.bus.supervision.history()) == 3


async def _set(bus, given):
    await bus.supervision.set("send", **given)


@pytest.fixture
def actorbus(store):
    """Return what runs a command on the bus of the post office, in this process."""
    runner = CliRunner()
    with tuned_app.bus.substituted(store=store):
        with tuned_app.bus.running_in_thread("none"):
            pass
        yield lambda *words: runner.invoke(app, ["supervision", *words], env={"COLUMNS": "200"})


async def test_the_backoff_of_an_endpoint_that_saw_outages_before_changes_too():
    post = Post(backoff=Backoff(initial=0.01, maximum=0.01, jitter=0.0, first_immediate=False))
    post.fails = lambda mail: GatewayDown() if len(post.heard(EndpointSick)) < mail.number else None
    async with post.bus.running():
        post.listen()
        for number, delay in ((1, 0.01), (2, 0.02), (3, 0.03)):
            await post.bus.supervision.set("send", backoff_initial=delay, backoff_maximum=delay)
            await post.bus.events.publish(Mail(number))
            await until(partial(post.is_done_with, number))
    assert [event.delay for event in post.heard(BackingOff)] == [0.01, 0.02, 0.03]


async def test_an_endpoint_is_named_by_a_text(store):
    post = Post(store)
    async with post.bus.running():
        wrong: Any
        for wrong in ("", None, 5):
            with pytest.raises(BusConfigurationError, match="endpoint=.* is not allowed"):
                await post.bus.supervision.set(wrong, breaker=2)
        for wrong, limit in (("\ud800", 0), ("a\0", -1), (None, 10**30)):
            with pytest.raises(BusConfigurationError) as refused:
                await post.bus.supervision.history(wrong, limit=limit)
            assert len(refused.value.problems) == 2
        assert await post.bus.supervision.history() == []


async def test_many_changes_at_once_are_all_made_and_told_in_order():
    post, tasks = Post(), 30
    async with post.bus.running():
        post.listen()
        async with trio.open_nursery() as nursery:
            for number in range(tasks):
                change = partial(post.bus.supervision.set, "send", breaker=number + 1)
                nursery.start_soon(change)
        changes = [one.new_settings for one in await post.bus.supervision.history()]
    told = [one.new for one in post.heard(SupervisionChanged)]
    assert [json.loads(one) for one in reversed(changes)] == told
    assert sorted(one["breaker"] for one in told) == [*range(1, tasks + 1)]


BUS = "tests.acceptance.tuned_app:bus"


def test_the_command_line_shows_sets_resets_and_tells_who_did(actorbus):
    options = ("--backoff-maximum", "15m", "--max-restarts", "none", "--breaker", "7")
    done = actorbus("set", BUS, "send", *options, "--by", "ann", "--json")
    shown = actorbus("show", BUS, "send")
    reset = actorbus("set", BUS, "send", "--reset", "--json")
    history = actorbus("history", BUS, "--json")

    wanted = {"backoff_maximum": 900.0, "breaker": 7, "max_restarts": None}
    assert (done.exit_code, json.loads(done.stdout)[0]["settings"]) == (0, wanted)
    assert "breaker=7" in shown.stdout
    assert json.loads(reset.stdout)[0]["settings"] == {}
    changes = [(one["new_settings"], one["changed_by"]) for one in json.loads(history.stdout)]
    assert changes[1] == (wanted, "ann")
    assert changes[0][0] == {}
    assert "@" in changes[0][1]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("sent", "--breaker", "1"), "no endpoint 'sent' with a channel; did you mean 'send'?"),
        (("send", "--retry-attempts", "0"), "Retry: attempts=0 is not allowed"),
        (("send", "--breaker", "few"), "'few' is neither a whole number nor 'none'"),
        (("send", "--within", "soon"), "soon"),
        (("send",), "nothing to set: give an option, or --reset"),
    ],
)
def test_the_command_line_refuses_what_cannot_be_set_with_2(actorbus, words, problem):
    refused = actorbus("set", BUS, *words)
    assert (refused.exit_code, problem in refused.output) == (2, True), refused.output
    assert json.loads(actorbus("history", BUS, "--json").stdout) == []


async def test_two_processes_change_at_once_and_the_account_is_exact(store, tmp_path):
    await two_workers_are_tuned(store, tmp_path)
