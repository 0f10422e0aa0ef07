"""Fetch Pykka's source distribution, and run the tests in it with our actors beside its own.

It is fetched once, by pip with the user's configuration, into `.cache/`, and its hash is checked.
"""

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "pykka"


@dataclass(frozen=True)
class Outcome:
    """What one run of the suite came to; tests by `file::name`, without the runtime's id."""

    passed: frozenset[str]
    failed: frozenset[str]
    theirs_failed: frozenset[str]
    """Those that failed with Pykka's own actors."""
    output: str


def sources() -> Path:
    """Return the folder with Pykka's sources, fetched if they are not there yet."""
    unpacked = CACHE / "pykka-4.5.0"
    if not unpacked.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _run(
            *("-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"),
            *("--requirement", HERE / "requirements.txt", "--dest", CACHE),
        )
        with tarfile.open(CACHE / "pykka-4.5.0.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return unpacked


def run(handlers: str, folder: Path) -> Outcome:
    """Run the suite once; `handlers` is "plain" or "async". Its report is written to `folder`."""
    report = folder / "report.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests", "-q", "--rootdir", "."),
            *("-p", "no:cacheprovider", "-p", "our_runtime", "--timeout", "60"),
            *("-W", "ignore::ResourceWarning"),  # the suite leaves asyncio loops open
            *(f"--our-handlers={handlers}", f"--junitxml={report}"),
        ],
        cwd=sources(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    output = done.stdout + done.stderr
    if done.returncode not in {0, 1}:
        raise AssertionError(f"the suite did not run: exit code {done.returncode}\n{output}")
    return _outcome(report, output)


def _outcome(report: Path, output: str) -> Outcome:
    passed: set[str] = set()
    failed: set[str] = set()
    theirs_failed: set[str] = set()
    for case in ET.parse(report).iter("testcase"):
        module = case.get("classname", "").removeprefix("tests.").replace(".", "/")
        name = f"{module}.py::{case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        if "threading" in name.partition("[")[2]:
            if bad:
                theirs_failed.add(name)
        else:
            (failed if bad else passed).add(name.replace("[ours]", "").replace("[ours-", "["))
    return Outcome(frozenset(passed), frozenset(failed), frozenset(theirs_failed), output)


def _run(*arguments: object) -> None:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed:\n{done.stdout}{done.stderr}")
