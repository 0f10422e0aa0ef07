"""Plain handlers that overrun: a thread cannot be cancelled, so what it has in hand may be done."""

import threading

import pytest
import trio
import trio.testing

from actors import Actor, ActorSystem, Mailbox
from actors._mailbox import MailboxQueue
from actors.events import DeadLetter, Failed, Overran
from actors.testing import VirtualClock
from supervisors import ChildSpec, OneForAll, Redeliver


@pytest.fixture
def clock():
    return VirtualClock()


class Plain(Actor):
    """Takes three seconds for a number, and fails after them for a negative one."""

    def __init__(self, log):
        super().__init__()
        self.log = log

    def on_receive(self, message):
        self.context.system.run(trio.sleep, 3).get()
        self.log.append(message)
        if message < 0:
            raise ValueError(message)


class Neighbour(Actor):
    async def on_receive(self, message):
        raise OSError(message)


async def run_into_a_restart(system, log, messages, **options):
    """Restart them all while the first message is handled, for longer than it may take."""
    ref = system.spawn(ChildSpec(Plain, (log,), shutdown_timeout=1, **options))
    neighbour = system.spawn(Neighbour)
    for message in messages:
        ref.tell(message)
    await trio.sleep(1)
    neighbour.tell("restart all")
    await trio.sleep(60)
    return ref


@pytest.mark.parametrize("disposition", ["dead_letter", "discard", Redeliver(2)])
async def test_a_message_that_overran_a_restart_and_was_handled_is_not_disposed_of(
    clock, record, disposition
):
    log = []
    async with ActorSystem("shop", strategy=OneForAll(backoff=None)) as system:
        dead, overran = record(system, DeadLetter), record(system, Overran)
        ref = await run_into_a_restart(system, log, [1, 2], disposition=disposition)

        assert log == [1, 2]
        assert [event.message for event in dead] == ["restart all"]
        assert len(overran) == 1
        assert ref.statistics().mailbox.discarded == 0


async def test_a_message_that_overran_a_restart_and_failed_has_its_disposition(clock, record):
    log = []
    async with ActorSystem("shop", strategy=OneForAll(10, backoff=None)) as system:
        dead, failed = record(system, DeadLetter), record(system, Failed)
        await run_into_a_restart(system, log, [-1, 2], disposition=Redeliver(2))

        assert log == [-1, -1, 2]
        assert [event.message for event in dead] == ["restart all", -1]
        assert [str(event.exception) for event in failed] == ["restart all", "-1", "-1"]


async def test_an_ask_that_overran_a_restart_has_its_answer(clock):
    log = []
    async with ActorSystem("shop", strategy=OneForAll(backoff=None)) as system:
        ref = system.spawn(ChildSpec(Plain, (log,), shutdown_timeout=1))
        neighbour = system.spawn(Neighbour)
        reply = ref.request(1)
        await trio.sleep(1)
        neighbour.tell("restart all")

        assert await reply is None
        assert log == [1]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_message_that_is_taken_while_the_actor_is_cut_off_is_a_dead_letter(
    monkeypatch, record, fails
):
    """The thread has taken the message from the mailbox, and nobody saw it in a hand yet."""
    taken, go_on, done = threading.Event(), threading.Event(), threading.Event()
    take = MailboxQueue.take_item

    def take_slowly(box):
        item = take(box)
        if getattr(item, "message", item) == "taken":
            taken.set()
            go_on.wait(10)
        return item

    class Late(Actor):
        def on_receive(self, message):
            if fails:
                raise ValueError(message)

    monkeypatch.setattr(MailboxQueue, "take_item", take_slowly)
    async with ActorSystem("shop") as system:
        dead = record(system, DeadLetter)
        system.events.subscribe(lambda _: done.set(), DeadLetter)
        ref = system.spawn(ChildSpec(Late, shutdown_timeout=0.05, mailbox=Mailbox(5)))
        ref.tell("taken")
        await trio.to_thread.run_sync(taken.wait)
        ref.kill()
        await ref.terminated()
        go_on.set()
        assert await trio.to_thread.run_sync(done.wait, 10)

    assert [event.message for event in dead] == ["taken"]
