"""Bodies from the command line."""

import pytest

from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._send import _parsed, _refuse_empty


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, "1" * 10_000], ids=["broken", "too deep", "too many digits"]
)
def test_a_body_that_cannot_be_read_is_refused_with_its_place(text):
    with pytest.raises(CommandFailed, match="line 3 is not JSON: ") as caught:
        _parsed("line 3", text)

    assert caught.value.code is ExitCode.USAGE


def test_an_empty_message_id_is_refused():
    """With it the lines of every file would have the same ids, and be sent once."""
    with pytest.raises(CommandFailed, match="--message-id is empty"):
        _refuse_empty("")
    _refuse_empty(None)
