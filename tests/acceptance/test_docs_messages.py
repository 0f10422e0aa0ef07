"""The page on messages is a program: its parts are put together, run, and print what is shown."""

import re
import subprocess
import sys
from pathlib import Path

from actorbus.codecs import DEEPEST_LIMIT
from actorbus.messages._options import MAX_MESSAGE_BYTES, MAX_MESSAGE_DEPTH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
PART = re.compile(r"<!-- part -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python messages.py\n(.*?)```", re.DOTALL)


def test_the_program_prints_what_the_page_shows(tmp_path):
    (tmp_path / "messages.py").write_text("\n\n".join(PART.findall(PAGE)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "messages.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert [done.stdout] == SHOWN.findall(PAGE)


def test_no_block_of_it_is_left_out_of_the_program():
    assert len(PART.findall(PAGE)) == PAGE.count("```python")


def test_its_limits_are_those_that_there_are():
    assert f"| {MAX_MESSAGE_BYTES // 2**20} MiB |" in PAGE
    assert f"at most {DEEPEST_LIMIT} | {MAX_MESSAGE_DEPTH} |" in PAGE
