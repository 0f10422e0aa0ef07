"""A virtual environment for each peer, made when first needed and kept under .cache."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks._process import ROOT, MeasurementFailed

REQUIREMENTS = ROOT / "benchmarks" / "requirements-peers.txt"
FOLDER = ROOT / ".cache" / "benchmarks"


def python(peer: str) -> Path:
    """Return the interpreter of a peer's environment; its versions are the pinned ones."""
    wanted = sections()[peer]
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = FOLDER / f"{peer}-{digest}"
    if not folder.exists():
        _make(folder, wanted)
    return folder / "bin" / "python"


def sections() -> dict[str, list[str]]:
    """Return what each environment holds."""
    found: dict[str, list[str]] = {}
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            list(found.values())[-1].append(line)
    return found


def versions() -> dict[str, str]:
    """Return each peer's own version."""
    return {
        peer: next(line for line in lines if line.startswith(peer)).partition("==")[2]
        for peer, lines in sections().items()
    }


def _make(folder: Path, wanted: list[str]) -> None:
    """Make it whole or not at all: in a folder beside it, then renamed."""
    unfinished = folder.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _run(sys.executable, "-m", "venv", unfinished)
    _run(unfinished / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted)
    unfinished.rename(folder)


def _run(*command: object) -> None:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise MeasurementFailed(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
