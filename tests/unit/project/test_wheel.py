"""The wheel holds the three packages, whole, and nothing else."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("supervisors", "actors", "actorbus")
NOT_SOURCE = shutil.ignore_patterns("__pycache__", "*.pyc")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what a wheel is built from, as building writes into its folder."""
    folder = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=NOT_SOURCE)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    (folder / "tests").mkdir()
    (folder / "tests" / "__init__.py").touch()
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The wheel, built by the backend that is installed, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    built = subprocess.run(
        [*pip, *options, source], capture_output=True, text=True, check=False, timeout=100
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = folder.iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_three_packages_and_no_other(source, wheel):
    in_packages = {
        path.relative_to(source).as_posix()
        for name in PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
    }

    in_wheel = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert in_wheel == in_packages


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package, wheel):
    assert f"{package}/py.typed" in wheel.namelist()


@pytest.fixture(scope="module")
def metadata(wheel):
    """The wheel's own account of what it is."""
    [folder] = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    return PathDistribution(zipfile.Path(wheel, f"{folder}/"))


def test_the_wheel_brings_the_command_and_the_license(wheel, metadata):
    [command] = metadata.entry_points.select(group="console_scripts")

    assert (command.group, command.name) == ("console_scripts", "actorbus")
    assert metadata.metadata["License-Expression"] == "Apache-2.0"
    assert [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")] != []


def test_a_plain_install_needs_no_driver(metadata):
    plain = [name for name in metadata.requires or () if "extra ==" not in name]

    names = sorted(re.split(r"[^\w-]", name)[0] for name in plain)
    assert names == [
        *("anyio", "croniter", "msgpack", "msgspec", "pykka", "rich", "trio", "typer"),
        "tzdata",  # on Windows
    ]
