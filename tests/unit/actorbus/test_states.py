"""The states of a message: what the table allows, and what it draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus._states import (
    FINAL,
    TRANSITIONS,
    Event,
    ImpossibleTransition,
    State,
    after,
    diagram,
    events_of,
)


def test_a_message_is_sent_claimed_and_done():
    state = after(None, Event.SEND)
    state = after(state, Event.CLAIM)
    assert after(state, Event.ACKNOWLEDGE) is State.DONE


@given(state=st.sampled_from([None, *State]), event=st.sampled_from(Event))
def test_what_is_not_in_the_table_is_refused(state, event):
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(ImpossibleTransition, match=event.value):
            after(state, event)


def test_a_refusal_says_what_is_allowed():
    with pytest.raises(ImpossibleTransition) as caught:
        after(State.WAITING, Event.CLAIM)
    expected = (
        "'claim' cannot happen to a message that is waiting (allowed: come due, expire, hold)"
    )
    assert str(caught.value) == expected


def test_nothing_leaves_a_final_state():
    assert [events_of(state) for state in FINAL] == [frozenset(), frozenset()]


def test_every_state_can_be_reached_and_ends():
    """From nothing, each state; from each state, an end."""
    reached = {end for _, end in TRANSITIONS.items()}
    assert reached == set(State)
    ends: set[State | None] = set(FINAL)
    for _ in State:
        ends |= {start for (start, _), end in TRANSITIONS.items() if end in ends}
    assert ends >= set(State)


def test_only_a_claimed_message_is_settled():
    settling = {Event.ACKNOWLEDGE, Event.RETRY, Event.RELEASE, Event.DEAD_LETTER}
    assert {start for start, event in TRANSITIONS if event in settling} == {State.CLAIMED}


def test_the_diagram_has_an_edge_for_each_transition():
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    ready --> claimed: claim" in lines
    assert "    [*] --> waiting: delay" in lines
    assert "    done --> [*]" in lines
    assert len(lines) == 1 + len(TRANSITIONS) + len(FINAL)
