"""The order of messages with keys, while they are handled from a broker."""

from hypothesis import given
from hypothesis import strategies as st

from actorbus.channels.kafka._lines import KeyLines


def test_one_of_a_key_is_out_at_a_time_and_other_keys_go_on():
    lines = KeyLines[str]()
    assert [lines.join("k", "a"), lines.join("k", "b"), lines.join("other", "c")] == [
        True,
        False,
        True,
    ]
    assert (lines.leave("k"), lines.leave("k"), "k" in lines, "other" in lines) == (
        "b",
        None,
        False,
        True,
    )


def test_what_lies_in_the_store_is_followed_by_all_others_of_its_key():
    lines = KeyLines[str]()
    for name in "abc":
        lines.join("k", name)
    lines.move("k")
    assert not lines.join("k", "d")
    assert lines.take_moved() == ["b", "c", "d"]
    assert lines.join("k", "e")


def test_who_is_left_of_a_line_is_let_out_if_the_first_is_gone():
    lines = KeyLines[str]()
    for name in ("a1", "a2", "b1"):
        lines.join("k", name)
    lines.join("m", "b2")
    assert lines.drop(lambda one: one.startswith("a")) == ["b1"]
    assert lines.drop(lambda one: one.startswith("b")) == []
    assert "k" not in lines


@given(st.lists(st.sampled_from(["join", "done", "move", "flush"]), max_size=40))
def test_nothing_is_lost_or_overtaken(steps):
    """What was let out and what moved, in their order, is what joined."""
    lines, seen, out, count = KeyLines[int](), [], [], 0
    for step in steps:
        if step == "join":
            if lines.join("k", count):
                out.append(count)
            count += 1
        elif step == "flush":
            seen += lines.take_moved()
        elif out:
            seen.append(out.pop())
            if step == "move":
                lines.move("k")
            elif (following := lines.leave("k")) is not None:
                out.append(following)
        assert len(out) <= 1
    seen += lines.take_moved() + out
    while (following := lines.leave("k")) is not None:
        seen.append(following)
    assert seen == list(range(count))
