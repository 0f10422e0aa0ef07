"""Routing keys with wildcards, as AMQP's topic exchanges have them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus.messages._topic import Topic, is_pattern, pattern_fault


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("orders.*", "orders.placed", True),
        ("orders.*", "orders", False),
        ("orders.*", "orders.north.placed", False),
        ("*.placed", "orders.placed", True),
        ("orders.#", "orders", True),
        ("orders.#", "orders.placed", True),
        ("orders.#", "orders.north.placed", True),
        ("orders.#", "invoices.placed", False),
        ("#.placed", "placed", True),
        ("#.placed", "orders.north.placed", True),
        ("orders.#.placed", "orders.placed", True),
        ("orders.#.placed", "orders.a.b.placed", True),
        ("orders.*.#", "orders", False),
        ("#", "anything.at.all", True),
        ("*", "one", True),
        ("*", "one.two", False),
        ("orders.placed", "orders.placed", True),
    ],
)
def test_a_star_is_one_word_and_a_hash_is_any_number(pattern, key, expected):
    assert Topic(pattern).matches(key) is expected


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6)
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=6)


@given(pattern=PATTERNS, words=WORDS)
def test_it_matches_what_a_regular_expression_matches(pattern, words):
    parts = {"*": r"\.\w+", "#": r"(?:\.\w+)*"}
    reference = "".join(parts.get(word, re.escape("." + word)) for word in pattern)

    expected = re.fullmatch(reference, "." + ".".join(words)) is not None
    assert Topic(".".join(pattern)).matches(".".join(words)) is expected


def test_many_wildcards_take_no_time_to_speak_of():
    """Backtracking would take longer than the universe is old."""
    assert not Topic(".".join(["#", "a"] * 40)).matches(".".join(["a"] * 60 + ["b"]))


def test_patterns_are_told_from_keys():
    assert [is_pattern(key) for key in ("a.*", "#", "a.b", "a*b", None)] == [
        *(True, True),
        *(False, False, False),
    ]


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("orders.**", "'**' is no wildcard; '#' stands for any number of words"),
        ("orders.pl*", "'pl*' is neither a word nor a wildcard; '*' stands for one word"),
        ("orders..*", "there is no word between two dots, or at an end"),
        ("orders.*", None),
    ],
)
def test_a_wildcard_stands_for_a_whole_word(pattern, fault):
    found = pattern_fault(pattern)

    assert found == (None if fault is None else f"{pattern!r}: {fault}")
