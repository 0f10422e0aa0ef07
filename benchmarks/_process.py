"""Every measurement runs in a process of its own, and prints one JSON object as its last line."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class MeasurementFailed(Exception):
    """A probe or a peer ended badly; the message holds what it wrote to stderr."""


def measure(
    module: str,
    *arguments: object,
    timeout: float = 600.0,
    python: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Run `python -m module arguments` and return the JSON object on its last line.

    `python` is the interpreter of another environment than this one's; `environment` is added to
    this process's variables.
    Raises MeasurementFailed when it exits with another code than 0, prints no JSON or takes
    longer than `timeout` seconds.
    """
    command = [str(python or sys.executable), "-m", module, *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementFailed(f"{module}: no result after {timeout:g} s") from error
    if done.returncode != 0:
        raise MeasurementFailed(f"{module}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return _last_object(module, done.stdout)


def _last_object(module: str, output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    try:
        value = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise MeasurementFailed(f"{module}: printed no JSON, but {output[-1000:]!r}") from error
    if not isinstance(value, dict):
        raise MeasurementFailed(f"{module}: printed {value!r}, not an object")
    return value


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for database files, on a real disk: fsync costs nothing on a memory file system.

    BENCHMARKS_DIR names another place than the system's folder for temporary files.
    """
    with tempfile.TemporaryDirectory(
        prefix="actorbus-bench-", dir=os.environ.get("BENCHMARKS_DIR")
    ) as folder:
        yield Path(folder)


def report(**figures: object) -> None:
    """Print what a probe or a peer measured, for `measure` to read."""
    print(json.dumps(figures))
