"""The page on several services is a program: it is put together, run, and prints what is shown."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
PART = re.compile(r"<!-- part: services.py -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python services.py\n(.*?)```", re.DOTALL)


def test_the_program_prints_what_the_page_shows(tmp_path):
    (tmp_path / "services.py").write_text("\n\n".join(PART.findall(PAGE)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "services.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [sorted(done.stdout.splitlines())] == [
        sorted(shown.splitlines()) for shown in SHOWN.findall(PAGE)
    ]
