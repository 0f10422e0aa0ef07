"""Messages that are ready without a word: of which nobody told, or nobody could."""

import pytest

from actorbus.stores.postgresql._clock import DatabaseClock
from actorbus.stores.postgresql._polling import Polling
from actorbus.testing import ManualClock


@pytest.fixture
def time():
    return ManualClock()


@pytest.fixture
def polling(time):
    return Polling(DatabaseClock(time))


def test_they_are_news_once_in_a_while(polling, time):
    """They may be for others, and stay where they are."""
    found = []
    for _ in range(10):
        found.append(polling._is_untold(True))
        time.advance(0.0625)

    assert found == [True, False] * 5


def test_a_process_that_tells_of_others_all_the_time_finds_them_nevertheless(polling, time):
    """As a channel's does that is sent to without a pause."""
    found = 0
    for _ in range(100):
        polling.told()
        found += polling._is_untold(True)
        time.advance(0.0625)

    assert found == 20


def test_what_a_process_has_told_of_itself_is_no_news_to_it(polling, time):
    polling.told()
    time.advance(0.0625)

    assert not polling._is_untold(True)


def test_nothing_is_news_where_nothing_is_ready(polling):
    assert not polling._is_untold(False)
