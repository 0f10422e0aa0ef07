"""Mailboxes through refs: bounds, room, priority, the system lane, the stash; virtual time."""

import pytest
import trio

from actors import Actor, ActorSystem, Mailbox, MailboxFull
from supervisors import ChildSpec, ConfigurationError


class Gate(Actor):
    """Waits at "wait", and collects the rest."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    async def on_receive(self, message):
        if message == "wait":
            await trio.sleep(10)
        else:
            self.seen.append(message)
        return message


async def spawn_waiting(system, seen, mailbox):
    ref = system.spawn(ChildSpec(Gate, (seen,), mailbox=mailbox))
    ref.tell("wait")
    await trio.sleep(1)
    return ref


async def test_a_full_mailbox_raises_to_tell_and_fails_the_reply_of_request(autojump_clock):
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, [], Mailbox(capacity=1))
        ref.tell(1)
        with pytest.raises(MailboxFull, match="await ref.send"):
            ref.tell(2)
        with pytest.raises(MailboxFull):
            await ref.request(3)
        assert await ref.stop() is True


@pytest.mark.parametrize(("policy", "loser"), [("drop_newest", 1), ("drop_oldest", 0)])
async def test_a_dropped_request_is_answered_so(autojump_clock, policy, loser):
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, [], Mailbox(1, policy))
        replies = [ref.request(number) for number in range(2)]
        with pytest.raises(MailboxFull, match="dropped"):
            await replies[loser]
        assert await replies[1 - loser] == 1 - loser


async def test_send_waits_for_room_and_keeps_the_senders_order(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, seen, Mailbox(2))
        for number in range(20):
            await ref.send(number)
        await ref.send("last")
        await trio.sleep(1)
    assert seen == [*range(20), "last"]


async def test_send_waits_under_a_policy_that_drops_as_well(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, seen, Mailbox(2, "drop_oldest"))
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ref.send, number)
        await ref.send("last")
        await ref.request("?")
    assert sorted(seen[:20]) == list(range(20))


async def test_a_cancelled_send_was_not_sent(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, seen, Mailbox(1))
        ref.tell("kept")
        with trio.move_on_after(1):
            await ref.send("given up")
        await trio.sleep(60)
    assert seen == ["kept"]


def rank(message):
    return -1 if message == "wait" else message[0]


async def test_a_priority_mailbox_serves_low_numbers_first_and_equal_ones_in_order(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, seen, Mailbox(priority=rank))
        for message in [(2, "a"), (1, "b"), (2, "c"), (0, "d"), (1, "e")]:
            ref.tell(message)
        await ref.stop()
    assert [letter for _, letter in seen] == list("dbeac")


async def test_stashed_messages_return_to_the_head_in_their_order(autojump_clock):
    class Opening(Actor):
        def __init__(self):
            super().__init__()
            self.open, self.seen = False, []

        async def on_receive(self, message):
            if message == "open":
                self.open = True
                self.context.unstash_all()
            elif not self.open:
                self.context.stash()
            else:
                self.seen.append(message)
            return list(self.seen)

    async with ActorSystem("shop") as system:
        ref = system.spawn(Opening)
        replies = [ref.request(number) for number in range(3)]
        ref.tell("open")
        ref.tell("after")
        assert await replies[2] == [0, 1, 2]
        assert await ref.request("end") == [0, 1, 2, "after", "end"]


async def test_the_stash_returns_to_the_mailbox_on_restart(autojump_clock):
    seen = []

    class Stashing(Actor):
        async def on_receive(self, message):
            if message == "boom":
                raise ValueError
            if not self.restarts:
                self.context.stash()
            else:
                seen.append(message)

    async with ActorSystem("shop") as system:
        ref = system.spawn(Stashing)
        for message in [1, 2, "boom", 3]:
            ref.tell(message)
        await ref.request("end")
    assert seen == [1, 2, 3, "end"]


async def test_the_stash_is_bounded_by_the_mailbox(autojump_clock):
    class Stashing(Actor, mailbox=2):
        async def on_receive(self, message):
            self.context.stash()

    async with ActorSystem("shop") as system:
        ref = system.spawn(Stashing)
        for message in range(2):
            await ref.send(message)
        await trio.sleep(1)
        with pytest.raises(MailboxFull):
            await ref.request(2)
        assert ref.statistics().mailbox.stashed == 2


async def test_statistics_account_for_every_message(autojump_clock):
    seen = []
    async with ActorSystem("shop") as system:
        ref = await spawn_waiting(system, seen, Mailbox(3))
        for number in range(3):
            ref.tell(number)
        waiting = ref.statistics().mailbox
        await trio.sleep(60)
        done = ref.statistics().mailbox
    assert (waiting.accepted, waiting.taken, waiting.waiting, waiting.peak) == (4, 1, 3, 3)
    assert (done.accepted, done.taken, done.waiting) == (4, 4, 0)


async def test_batches_do_not_starve_a_neighbour(autojump_clock):
    async with ActorSystem("shop") as system:
        flooded, neighbour = system.spawn(Gate, []), system.spawn(Gate, [])
        for number in range(10_000):
            flooded.tell(number)
        await neighbour.request("?")
        assert flooded.statistics().mailbox.waiting > 9_000


@pytest.mark.parametrize(
    "options", [{"capacity": 0}, {"overflow": "block"}, {"priority": 3}, {"capacity": "many"}]
)
def test_a_mailbox_refuses_options_that_mean_nothing(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Mailbox(**options)
