"""The way in: `python -m benchmarks`."""

import sys

try:
    from benchmarks._cli import main
except ModuleNotFoundError as error:
    sys.exit(f"error: the suites cannot run: {error}\n  `make dev` installs what they need")

main()
