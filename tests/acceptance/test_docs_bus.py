"""The page on the bus is a program: its parts are put together, run, and print what is shown."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bus.md").read_text(encoding="utf-8")
PART = re.compile(r"<!-- part: shop.py -->\n```python\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"<!-- run -->\n```console\n\$ python shop.py\n(.*?)```", re.DOTALL)


def test_the_program_prints_what_the_page_shows(tmp_path):
    (tmp_path / "shop.py").write_text("\n\n".join(PART.findall(PAGE)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert [done.stdout] == SHOWN.findall(PAGE)
