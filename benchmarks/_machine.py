"""What figures depend on: the machine, and the versions of what runs on it."""

import os
import platform
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import _environments

OURS = ("actorbus", "trio", "pykka", "msgspec", "asyncpg", "aiokafka", "uvloop")


def machine() -> dict[str, str]:
    return {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
    }


def versions() -> dict[str, str]:
    """Return the versions of what is measured; the peers' are those that are pinned."""
    return {
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        **{name: found for name in OURS if (found := _version(name))},
        **{f"peer {name}": found for name, found in _environments.versions().items()},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
