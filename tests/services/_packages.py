"""What servers need of the machine: installed by Debian's package manager, or asked for."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.services import _postgresql
from tests.services._process import CannotStart

ELSEWHERE = {
    "postgresql": "ACTORBUS_TEST_POSTGRESQL",
    "default-jre-headless": "ACTORBUS_TEST_KAFKA",
    "maven": "ACTORBUS_TEST_KAFKA",
}
NO_SERVICES = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    """Return the Debian packages whose programs are not here."""
    lacking = {
        "postgresql": _postgresql.find("initdb") is None,
        "pgbouncer": shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") is None,
        "default-jre-headless": shutil.which("java") is None and "JAVA_HOME" not in os.environ,
        "maven": shutil.which("mvn") is None,
    }
    return [name for name, lacks in lacking.items() if lacks]


def install() -> None:
    """Install what is missing, as root on Debian; say what to install where we cannot."""
    packages = missing()
    if not packages:
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise CannotStart(_what_to_do(packages))
    print(f"Installing {', '.join(packages)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _starting_nothing():
        _apt([apt, "update", "-qq"], environment)
        _apt([apt, "install", "-y", "-qq", "--no-install-recommends", *packages], environment)
    if packages := missing():
        raise CannotStart(_what_to_do(packages))


def _what_to_do(packages: list[str]) -> str:
    names = sorted({ELSEWHERE[name] for name in packages if name in ELSEWHERE})
    instead = f"\nOr name servers that are there: {' and '.join(names)}." if names else ""
    return (
        f"The tests need {', '.join(packages)}.\n"
        f"On Debian and Ubuntu:  sudo apt-get install {' '.join(packages)}{instead}"
    )


def _apt(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")


@contextlib.contextmanager
def _starting_nothing() -> Iterator[None]:
    """Keep Debian from starting the services that it installs: ours are apart from them."""
    if NO_SERVICES.exists():
        yield
        return
    NO_SERVICES.write_text("#!/bin/sh\nexit 101\n")
    NO_SERVICES.chmod(0o755)
    try:
        yield
    finally:
        NO_SERVICES.unlink()
