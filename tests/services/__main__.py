"""`python -m tests.services`: see the package."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.services._packages import install
from tests.services._process import CannotStart
from tests.services._session import KAFKA, POSTGRESQL, Services


def main(command: list[str]) -> int:
    """Start the services; run the command with them, or print the addresses and wait."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        install()
        with Services() as services:
            addresses = start(services)
            for name, address in addresses.items():
                print(f"export {name}={address}", flush=True)
            return run(command, addresses) if command else wait()
    except CannotStart as error:
        print(f"The services do not start.\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130 if command else 0


def start(services: Services) -> dict[str, str]:
    """Start both side by side; return the variables that tell tests where they are."""
    with ThreadPoolExecutor() as pool:
        kafka = pool.submit(lambda: services.kafka)
        postgres = pool.submit(lambda: services.postgres)
        return {POSTGRESQL: postgres.result().url, KAFKA: kafka.result().servers}


def run(command: list[str], addresses: dict[str, str]) -> int:
    """Run the command, which gets Ctrl-C too; return its exit code."""
    with subprocess.Popen(command, env=os.environ | addresses) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)


def wait() -> int:
    """Wait for Ctrl-C or SIGTERM."""
    print("Running until Ctrl-C.", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
