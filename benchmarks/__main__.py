"""The way in: `python -m benchmarks`."""

from benchmarks._cli import main

main()
