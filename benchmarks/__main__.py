"""The way in: `python -m benchmarks list | run | check`."""

from benchmarks._cli import main

main()
