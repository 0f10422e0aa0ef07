"""`python -m tests [arguments of pytest]`: all tests, in two processes side by side.

Tests with servers and with processes of their own wait most of the time. Those that need neither
run meanwhile, in a second process; what it says is printed when both have ended.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

HERE = Path(__file__).parent
WITHOUT_SERVERS = ("property", "pykka", "runtime", "unit")
CALM = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
"""Arguments such as `-k name` may leave one of the two parts without a test."""


def main(arguments: Sequence[str]) -> int:
    """Run the tests; return an exit code of pytest's, that of a part that failed if one did."""
    with tempfile.TemporaryFile("w+") as output:
        with (
            _started(_folders(servers=False), arguments, output) as beside,
            _started(_folders(servers=True), arguments, None) as first,
        ):
            codes = [_ended(first), _ended(beside)]
        output.seek(0)
        print(output.read(), end="", flush=True)
    failed = [code for code in codes if code not in CALM]
    return failed[0] if failed else min(codes)


def _folders(*, servers: bool) -> list[Path]:
    """Return the folders of tests that need servers or processes, or all the others."""
    return [
        path
        for path in sorted(HERE.iterdir())
        if any(path.glob("**/test_*.py")) and (path.name not in WITHOUT_SERVERS) == servers
    ]


def _started(
    folders: Sequence[Path], arguments: Sequence[str], output: IO[str] | None
) -> subprocess.Popen[bytes]:
    names = [str(folder.relative_to(HERE.parent)) for folder in folders]
    cache = f"cache_dir=.pytest_cache/{names[0].replace('/', '-')}"
    command = [sys.executable, "-m", "pytest", *names, "-o", cache, *arguments]
    return subprocess.Popen(command, cwd=HERE.parent, stdout=output, stderr=output)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a part; Ctrl-C is for the parts, which end by it in order."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
