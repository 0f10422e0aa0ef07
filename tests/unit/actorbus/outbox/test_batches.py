"""The lines of a batch, what becomes of each, and how long they are expected to be."""

from msgspec.structs import replace

from actorbus.channels._broker import BrokerUnavailable
from actorbus.outbox._batch import Line, lines_of, outcome_of
from actorbus.outbox._stretch import LONGEST, SHORTEST, Stretch
from tests.integration.kafka.messages import message

A, B, C, D = (message(number, "key") for number in range(4))
PLAIN = message(9)
OWN = ValueError("its own")
DOWN = BrokerUnavailable("down")


def test_claimed_messages_have_their_followers_behind_them():
    """Only those with a key have any."""
    assert lines_of([PLAIN, A], [[B, C]], 0.0) == [Line(PLAIN), Line(A, [B, C])]


def test_a_line_ends_before_what_cannot_be_published():
    """It will be in turn, and is settled then: too old, or too large to have been read."""
    old, large = replace(C, expires_at=5.0), replace(C, unread_bytes=7)
    for other in (old, large):
        assert lines_of([A], [[B, other, D]], 5.0) == [Line(A, [B])]
    assert lines_of([A], [[B, old]], 4.0) == [Line(A, [B, old])]


def test_what_arrived_is_the_head_of_a_line():
    """Whatever is behind the first that did not arrive."""
    lines = [Line(A, [B, C]), Line(PLAIN)]
    outcome = outcome_of(lines, [None, OWN, None, None])
    assert outcome == ([Line(A, []), Line(PLAIN)], [], [])


def test_the_error_of_the_first_decides_about_its_line():
    """Its own is judged; a broker's says nothing about it."""
    lines = [Line(A, [B]), Line(C), Line(D)]
    assert outcome_of(lines, [OWN, DOWN, DOWN, None]) == ([Line(D)], [(A, OWN)], [(C, DOWN)])


def test_longer_lines_are_expected_while_all_are_full():
    """Up to a limit, and shorter ones when they are not, down to another."""
    stretch = Stretch()
    before = stretch.length
    stretch.learn([before] * 3)
    assert stretch.length == 2 * before
    for _ in range(10):
        stretch.learn([stretch.length])
    assert stretch.length == LONGEST
    for _ in range(10):
        stretch.learn([1, 1])
    assert stretch.length == SHORTEST


def test_a_line_stands_for_what_it_is_expected_to_be():
    stretch = Stretch()
    assert stretch.weight(in_line=False) == 1
    assert stretch.weight(in_line=True) == stretch.length
