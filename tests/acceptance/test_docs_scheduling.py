"""The page on schedules is a program: it prints what is shown, and it names all options."""

import re
import subprocess
import sys
from pathlib import Path

from actorbus.schedules._schedule import SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
PART = re.compile(r"<!-- part: clocks.py -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python clocks.py\n(.*?)```", re.DOTALL)


def test_the_program_prints_what_the_page_shows(tmp_path):
    (tmp_path / "clocks.py").write_text("\n\n".join(PART.findall(PAGE)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "clocks.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [done.stdout] == SHOWN.findall(PAGE)


def test_the_page_names_every_option():
    assert set(re.findall(r"`(\w+)(?:=[^`]*)?`", PAGE)) >= SETTINGS - {"headers"}
    assert "`headers={" in PAGE
