"""The watermark of a partition: examples, and a model that is asked the same."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actorbus.channels.kafka._watermark import Watermark


def test_it_begins_where_the_partition_is_assigned():
    watermark = Watermark(40, window=10)
    assert (watermark.committable, watermark.in_flight, watermark.is_full) == (40, 0, False)


def test_it_never_passes_what_is_in_flight():
    watermark = Watermark(0, window=10)
    watermark.delivered([0, 1, 2])
    assert not watermark.completed(1)
    assert not watermark.completed(2)
    assert (watermark.committable, watermark.above) == (0, 2)
    assert watermark.completed(0)
    assert (watermark.committable, watermark.above) == (3, 0)


def test_gaps_are_not_waited_for():
    """Compaction and transactions leave them."""
    watermark = Watermark(5, window=10)
    watermark.delivered([7, 12])
    watermark.completed(7)
    assert watermark.committable == 12
    watermark.completed(12)
    assert watermark.committable == 13
    watermark.skipped_to(20)
    assert watermark.committable == 20


def test_what_was_skipped_is_no_concern_while_something_before_it_is_in_flight():
    watermark = Watermark(0, window=10)
    watermark.delivered([0])
    watermark.skipped_to(9)
    assert watermark.committable == 0
    watermark.completed(0)
    assert watermark.committable == 9


def test_a_partition_is_full_with_a_window_of_completed_ones_above_it():
    watermark = Watermark(0, window=2)
    watermark.delivered(range(4))
    watermark.completed(1)
    assert not watermark.is_full
    watermark.completed(2)
    assert watermark.is_full
    watermark.completed(0)
    assert not watermark.is_full


def test_what_is_not_in_flight_changes_nothing():
    watermark = Watermark(3, window=2)
    assert not watermark.completed(2)
    watermark.delivered([3, 4])
    watermark.completed(4)
    assert not watermark.completed(4)
    assert not watermark.completed(9)
    assert (watermark.committable, watermark.above) == (3, 1)


def test_a_log_that_begins_anew_is_refused():
    watermark = Watermark(3, window=2)
    watermark.delivered([3, 4])
    with pytest.raises(ValueError, match="offset 0 was delivered after 4"):
        watermark.delivered([0])


class Model(RuleBasedStateMachine):
    """A partition that delivers with gaps, and handlers that end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.assign()

    @rule()
    def assign(self) -> None:
        """Revoke it, and assign it anew where it is."""
        start = getattr(self, "watermark", None)
        self.start = 10 if start is None else start.committable
        self.watermark = Watermark(self.start, window=3)
        self.seen: list[int] = []
        self.open: set[int] = set()
        self.highest = self.start
        self.last = self.start

    @precondition(lambda self: not self.watermark.is_full)
    @rule(gaps=st.lists(st.integers(1, 4), max_size=5))
    def deliver(self, gaps: list[int]) -> None:
        offsets = []
        for gap in gaps:
            self.highest += gap
            offsets.append(self.highest - 1)
        self.watermark.delivered(offsets)
        self.seen += offsets
        self.open.update(offsets)

    @rule(more=st.integers(0, 3))
    def skip(self, more: int) -> None:
        self.highest += more
        self.watermark.skipped_to(self.highest)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.open)))
        before = self.watermark.committable
        rose = self.watermark.completed(offset)
        self.open.discard(offset)
        assert rose == (self.watermark.committable > before)

    @rule(offset=st.integers(0, 40))
    def complete_anything(self, offset: int) -> None:
        if offset not in self.open:
            before = self.watermark.committable
            assert not self.watermark.completed(offset)
            assert self.watermark.committable == before

    @invariant()
    def it_is_the_first_in_flight_or_the_end(self) -> None:
        assert self.watermark.committable == min(self.open, default=self.highest)
        assert self.watermark.in_flight == len(self.open)

    @invariant()
    def it_never_falls(self) -> None:
        assert self.watermark.committable >= self.last
        self.last = self.watermark.committable

    @invariant()
    def what_is_above_it_is_counted(self) -> None:
        first = min(self.open, default=self.highest)
        above = [one for one in self.seen if one > first and one not in self.open]
        assert self.watermark.above == len(above)
        assert self.watermark.is_full == (len(above) >= 3)


Model.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestModel = Model.TestCase
