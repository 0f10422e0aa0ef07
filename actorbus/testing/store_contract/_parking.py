"""Messages that are held back: stored so, or parked by the process that had them."""

from actorbus._settlement import ACK, Park
from actorbus._store import ParkedFilter
from actorbus.testing._clock import ManualClock
from actorbus.testing._store_samples import CHANNEL, ENDPOINT, demand, names, outgoing
from actorbus.testing.store_contract._steps import OpenStore, claim_one

EVERYTHING = ParkedFilter()


class ParkingContract:
    """See `actorbus._store.Store`: `parked`, `unpark`, `tenants`."""

    async def test_what_is_sent_parked_is_not_claimed(self, open_store: OpenStore) -> None:
        """It is listed with its reason, and counted in its queue."""
        async with open_store() as store:
            await store.append([outgoing("m", tenant="acme", parked="no such tenant")])
            claimed = await store.claim([demand(tenant="acme")])
            (listed,) = await store.parked(EVERYTHING)
            (queue,) = await store.statistics()

        assert (claimed, queue.parked, queue.ready) == ([], 1, 0)
        assert (listed.channel, listed.tenant, listed.endpoint) == (CHANNEL, "acme", ENDPOINT)
        assert (listed.reason, listed.count) == ("no such tenant", 1)
        assert listed.oldest_enqueued_at == queue.oldest_enqueued_at

    async def test_a_claimed_message_can_be_parked(self, open_store: OpenStore) -> None:
        """That is not an attempt, and its claim does not hold any more."""
        async with open_store() as store:
            await store.append([outgoing("m")])
            first = await claim_one(store)
            await store.settle([(first, Park("wait"))])
            stale = await store.settle([(first, ACK)])
            assert await store.claim([demand()]) == []
            assert await store.unpark(EVERYTHING) == 1
            second = await claim_one(store)

        assert (stale, second.attempts) == (1, 0)
        assert second.epoch > first.epoch

    async def test_unparked_messages_keep_their_order(self, open_store: OpenStore) -> None:
        """Those that were parked first go on first; listeners hear of their channel."""
        heard: list[frozenset[str]] = []
        async with open_store() as store:
            await store.append([outgoing(name, parked="wait") for name in "abc"])
            store.on_ready(heard.append)
            count = await store.unpark(ParkedFilter(channel=CHANNEL))
            again = await store.claim([demand()])

        assert (count, names(again), heard[0]) == (3, ["a", "b", "c"], frozenset({CHANNEL}))

    async def test_only_those_that_match_are_unparked(self, open_store: OpenStore) -> None:
        """By channel, tenant, endpoint and reason."""
        async with open_store() as store:
            await store.append(
                [
                    outgoing("a", tenant="x", parked="one"),
                    outgoing("b", tenant="y", parked="one"),
                    outgoing("c", tenant="x", parked="two"),
                    outgoing("d", tenant="x", parked="one", endpoint="other"),
                    outgoing("e", tenant="x", parked="one", channel="another"),
                ]
            )
            matching = ParkedFilter(channel=CHANNEL, tenant="x", endpoint=ENDPOINT, reason="one")
            count = await store.unpark(matching)
            claimed = await store.claim([demand(tenant="x")])
            left = sum(one.count for one in await store.parked(EVERYTHING))

        assert (count, names(claimed), left) == (1, ["a"], 4)

    async def test_unparked_messages_can_change_their_tenant_and_channel(
        self, open_store: OpenStore
    ) -> None:
        """They are that one's from then on."""
        async with open_store() as store:
            await store.append([outgoing("m", tenant="x", channel="else", parked="wait")])
            await store.unpark(EVERYTHING, channel=CHANNEL, tenant="acme")
            claimed = await store.claim([demand(tenant="acme")])

        assert [(one.channel, one.tenant) for one in claimed] == [(CHANNEL, "acme")]

    async def test_an_unparked_message_that_is_not_due_waits(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """Its delay is that which it was sent with."""
        async with open_store() as store:
            await store.append([outgoing("m", delay=60.0, parked="wait")])
            await store.unpark(EVERYTHING)
            early = await store.claim([demand()])
            clock.advance(60.0)
            await store.poll()
            due = await store.claim([demand()])

        assert (early, names(due)) == ([], ["m"])

    async def test_a_parked_message_expires(
        self, open_store: OpenStore, clock: ManualClock
    ) -> None:
        """It is counted as any other."""
        async with open_store() as store:
            await store.append([outgoing("m", time_to_live=60.0, parked="wait")])
            clock.advance(60.0)
            await store.poll()
            (queue,) = await store.statistics()

        assert (queue.parked, queue.expired) == (0, 1)

    async def test_the_tenants_of_a_channel_are_found_in_any_state(
        self, open_store: OpenStore
    ) -> None:
        """Ready, claimed, waiting and parked."""
        async with open_store() as store:
            await store.append([outgoing("a", tenant="claimed")])
            await store.claim([demand(tenant="claimed")])
            await store.append(
                [
                    outgoing("b", tenant="ready"),
                    outgoing("c", tenant="waiting", delay=60.0),
                    outgoing("d", tenant="parked", parked="wait"),
                    outgoing("e", tenant="another", channel="another"),
                ]
            )
            found = await store.tenants(CHANNEL, limit=10)
            some = await store.tenants(CHANNEL, limit=2)

        assert sorted(found) == ["claimed", "parked", "ready", "waiting"]
        assert len(some) == 2

    async def test_ready_messages_of_an_endpoint_can_be_parked(self, open_store: OpenStore) -> None:
        """Those of all its tenants, and no others; they go on like any that are parked."""
        async with open_store() as store:
            sent = [outgoing("a", tenant="x"), outgoing("b", tenant="y"), outgoing("c", delay=60.0)]
            await store.append([*sent, outgoing("d", endpoint="other")])
            endpoints = await store.ready_endpoints(CHANNEL)
            count = await store.park(CHANNEL, ENDPOINT, "nobody has it")
            (one, two) = await store.parked(EVERYTHING)
            left = await store.ready_endpoints(CHANNEL)
            resumed = await store.unpark(ParkedFilter(reason="nobody has it"))

        assert (sorted(endpoints), left) == (sorted([ENDPOINT, "other"]), ["other"])
        assert (count, one.reason, two.reason, resumed) == (2, "nobody has it", "nobody has it", 2)
