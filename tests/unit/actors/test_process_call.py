"""What goes to a worker process and comes back, without the process."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import NotPicklable, RemoteTraceback
from actors._process_call import ProcessCall
from actors._process_worker import BEGUN, HEADER, LENGTH, RAISED, RETURNED, answer, read, write
from tests.runtime import process_work as work

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def called(function, *args, **kwargs):
    """Make a call as a worker does, and open what comes of it."""
    call = ProcessCall("here", function, args, kwargs)
    return call.open(*answer(call.frame[LENGTH.size :], None, lambda: None))


@given(values)
def test_a_value_goes_there_and_comes_back_equal(value):
    assert called(work.echo, value) == called(work.echo, value=value) == value


@given(st.text(), st.sampled_from([ValueError, KeyError, GeneratorExit]))
def test_an_exception_comes_back_with_type_and_arguments(text, kind):
    with pytest.raises(kind) as caught:
        called(work.fail, kind(text))
    assert caught.value.args == (text,)
    assert type(caught.value.__cause__) is RemoteTraceback


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(0, 20))
def test_a_pipe_gives_what_was_put_in_one_by_one_and_then_its_end(bodies, torn):
    """Also if it is torn off in the middle of one more."""
    reads, writes = os.pipe()
    for body in bodies:
        os.write(writes, LENGTH.pack(len(body)) + body)
    os.write(writes, (LENGTH.pack(30) + bytes(30))[:torn])
    os.close(writes)
    assert [read(reads) for _ in bodies] == bodies
    assert read(reads) is None
    os.close(reads)


def test_an_answer_says_what_it_is_and_how_long():
    reads, writes = os.pipe()
    write(writes, BEGUN, b"")
    write(writes, RETURNED, b"body")
    assert os.read(reads, 100) == HEADER.pack(BEGUN, 0) + HEADER.pack(RETURNED, 4) + b"body"
    os.close(reads)
    os.close(writes)


def test_what_a_worker_cannot_load_is_an_exception_with_a_note():
    call = ProcessCall("here", work.echo, (work.Unreadable(),), {})
    loaded = []
    kind, body = answer(call.frame[LENGTH.size :], None, lambda: loaded.append(True))
    assert (kind, loaded) == (RAISED, [])
    with pytest.raises(OSError, match="not again") as caught:
        call.open(kind, body)
    assert "loaded the function and its arguments" in caught.value.__notes__[0]


def test_a_refused_argument_is_named_by_its_parameter_keyword_or_position():
    with pytest.raises(NotPicklable, match=r"echo: the argument value \(generator\) cannot"):
        called(work.echo, work.generate())
    with pytest.raises(NotPicklable, match=r"echo: the argument other \(generator\) cannot"):
        called(work.echo, 1, other=work.generate())
    with pytest.raises(NotPicklable, match=r"echo: the argument 2 \(generator\) cannot"):
        called(work.echo, 1, work.generate())
