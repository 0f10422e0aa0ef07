"""`make help` tells about every target."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_help_lists_every_target_with_a_line():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))

    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", shown.stdout, flags=re.MULTILINE))
    assert set(listed) == targets
    assert {"demo", "test", "check", "bench", "clean", "help"} <= targets
