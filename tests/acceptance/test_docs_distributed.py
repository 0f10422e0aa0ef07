"""The page on several services is a program: it is put together, run, and prints what is shown."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
PART = re.compile(r"<!-- part: services.py -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python services.py\n(.*?)```", re.DOTALL)


FILE = re.compile(r"<!-- file: asking.py -->\n```python\n(.*?)```", re.DOTALL)
ASKED = re.compile(r"<!-- run -->\n```console\n\$ python asking.py\n(.*?)```", re.DOTALL)


def run(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", name],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_prints_what_the_page_shows(tmp_path):
    printed = run(tmp_path, "services.py", "\n\n".join(PART.findall(PAGE)))

    assert [sorted(printed.splitlines())] == [
        sorted(shown.splitlines()) for shown in SHOWN.findall(PAGE)
    ]


def test_one_service_is_answered_by_another(tmp_path):
    [program] = FILE.findall(PAGE)

    assert [run(tmp_path, "asking.py", program)] == ASKED.findall(PAGE)
