"""The application on docs/testing.md, and its tests, which pytest runs with the plugin."""

import re
import subprocess
import sys
from pathlib import Path

from actorbus.testing import BusHarness

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
FILE = re.compile(r"<!-- file: (\w+\.py) -->\n```python\n(.*?)```", re.DOTALL)


def test_its_tests_pass(tmp_path):
    for name, text in FILE.findall(PAGE):
        (tmp_path / name).write_text(text, encoding="utf-8")
    plugin = ["-p", "no:actorbus", "-p", "actorbus.testing.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "-W", "error"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    assert not (tmp_path / "shop.db").exists()


def test_its_table_has_all_that_a_harness_does():
    table = PAGE.split("## What a harness does")[1]
    public = {name for name in vars(BusHarness) if not name.startswith("_")}

    assert public <= set(re.findall(r"`(\w+)", table))


def test_the_plugin_is_an_entry_point():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'actorbus = "actorbus.testing.pytest_plugin"' in settings
