"""The quick text of a traceback is the standard one."""

from traceback import format_exception

import pytest

from actorbus.endpoints._traceback import traceback_text


def deeper(depth, error):
    if depth:
        deeper(depth - 1, error)
    else:
        raise error


def raised(function, *args):
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("it did not raise")


def from_a_cause():
    try:
        deeper(1, KeyError("cause"))
    except KeyError as error:
        raise ValueError("effect") from error


def beside_a_context():
    try:
        deeper(1, KeyError("context"))
    except KeyError:
        deeper(1, ValueError("another"))


def without_the_context():
    try:
        deeper(1, KeyError("hidden"))
    except KeyError:
        raise ValueError("shown") from None


def with_a_note():
    error = ValueError("noted")
    error.add_note("look here")
    raise error


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (deeper, (0, ValueError("plain"))),
        (deeper, (2, ValueError("two lines\nof text"))),
        (deeper, (30, ValueError("out of a recursion"))),
        (deeper, (1, ExceptionGroup("several", [ValueError("one"), KeyError("two")]))),
        (deeper, (1, KeyboardInterrupt())),
        (eval, ("1 +", {})),
        (from_a_cause, ()),
        (beside_a_context, ()),
        (without_the_context, ()),
        (with_a_note, ()),
    ],
)
def test_it_says_what_the_standard_formatter_says_each_time(function, args):
    error = raised(function, *args)

    for _ in range(2):
        assert "".join(format_exception(error)) == traceback_text(error)


def test_an_error_that_was_never_raised_has_a_text_too():
    assert "ValueError: never raised\n" == traceback_text(ValueError("never raised"))


def test_the_same_lines_with_another_error_say_the_other_error():
    first, second = (raised(deeper, 1, ValueError(text)) for text in ("first", "second"))

    texts = [traceback_text(first), traceback_text(second)]

    assert texts[0].replace("first", "second") == texts[1]
