"""What goes to stdout can be read, whatever it says."""

import io
import json
import sys

import pytest

from actorbus.cli._output import Output


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("text", ["Größe", "a lone \ud800"])
def test_a_document_is_written_in_escapes_where_stdout_cannot_write_it(monkeypatch, encoding, text):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))

    Output(as_json=True).document({"text": text})

    assert json.loads(written.getvalue().decode(encoding)) == {"text": text}
