"""Which messages are a batch: in their order, nobody left out, nobody with those it may harm."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actorbus._store import Claimed
from actorbus.endpoints._gathering import Gathering, together
from actorbus.options._flow import Batch

ONE = Claimed(
    sequence=1,
    epoch=1,
    attempts=0,
    suspect=False,
    replays=0,
    priority=0,
    due_at=0.0,
    expires_at=None,
    enqueued_at=0.0,
    copy_id="1",
    channel="rows",
    endpoint="load",
    tenant="",
    message_id="1",
    type_name="Job",
    content_type="application/msgpack",
    correlation_id="1",
    causation_id=None,
    timestamp=0.0,
    deduplication_key=None,
    on_failure=None,
    headers="{}",
    body=b"",
)

messages = st.lists(
    st.builds(
        lambda tenant, attempts, suspect, key, ordering: replace(
            ONE,
            tenant=tenant,
            attempts=attempts,
            suspect=suspect,
            deduplication_key=key,
            ordering_key=ordering,
        ),
        st.sampled_from(["", "north"]),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([None, None, "a", "b"]),
        st.sampled_from([None, None, "x", "y"]),
    ),
    max_size=30,
).map(lambda found: [replace(one, copy_id=str(at)) for at, one in enumerate(found)])


def is_suspect(message):
    return message.suspect


@given(messages, st.integers(1, 10))
def test_batches_take_all_messages_in_their_order_and_keep_apart_what_is_to_be(found, size):
    left, batches = list(found), []
    while left:
        count, _ = together(left, size, is_suspect)
        assert 1 <= count <= size
        batches.append(left[:count])
        left = left[count:]

    assert [one for batch in batches for one in batch] == found
    for batch in batches:
        assert len({(one.tenant, one.attempts > 0) for one in batch}) == 1
        assert len(batch) == 1 or not any(one.suspect for one in batch)
        keys = [one.deduplication_key for one in batch if one.deduplication_key]
        assert len(keys) == len(set(keys))
        ordering = [one.ordering_key for one in batch if one.ordering_key]
        assert len(ordering) == len(set(ordering))


@given(messages, st.integers(1, 10))
def test_a_batch_that_takes_no_more_is_ready_and_another_is_not_before_its_time(found, size):
    gathering = Gathering(Batch(size=size, wait=2.0))
    unstarted = deque(found)
    gathering.arrived(0, len(found), now=10.0)
    count, is_closed = together(unstarted, size, is_suspect)

    assert gathering.ready(unstarted, 11.9, is_suspect) == (count if is_closed else 0)
    assert gathering.ready(unstarted, 12.0, is_suspect) == count


def test_the_wait_counts_from_the_first_message_that_is_still_there():
    gathering = Gathering(Batch(size=10, wait=5.0))
    gathering.arrived(0, 2, now=1.0)
    gathering.arrived(2, 3, now=4.0)

    assert gathering.due_at(5) == 6.0
    gathering.left(2)
    assert gathering.due_at(3) == 9.0


def test_messages_that_were_given_back_are_forgotten_from_behind():
    gathering = Gathering(Batch(size=10, wait=5.0))
    gathering.arrived(0, 2, now=1.0)
    gathering.arrived(2, 3, now=4.0)
    gathering.arrived(1, 1, now=7.0)
    gathering.left(1)

    assert gathering.due_at(1) == 12.0


def test_after_an_outage_it_begins_with_one_and_doubles():
    gathering = Gathering(Batch(size=5, wait=0.0))
    gathering.saw_outage()
    sizes = []
    for _ in range(4):
        sizes.append(gathering.first(deque([ONE] * 9), is_suspect))
        gathering.succeeded()

    assert sizes == [1, 2, 4, 5]
