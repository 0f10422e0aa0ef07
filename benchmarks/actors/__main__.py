"""The command line: `python -m benchmarks.actors [WORD...]` runs the groups that hold a word."""

from typing import Annotated

import typer
from rich.console import Console

from benchmarks._report import show, to_json
from benchmarks._settings import Settings
from benchmarks.actors.alone import MEASURED
from benchmarks.actors.compare import GROUPS, compare, measure_alone

stderr = Console(stderr=True)


def main(
    words: Annotated[list[str] | None, typer.Argument(help="Words of the groups to run.")] = None,
    *,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds; medians are compared.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, to try it out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    cpu_time: Annotated[
        bool, typer.Option("--cpu-time", help="On one core, measure the processor's time.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if one is missed.")] = False,
) -> None:
    """Measure the runtime beside Pykka's ThreadingActor, in alternating pinned processes."""
    settings = Settings(repeat, quick, lambda line: stderr.print(line, style="dim"))
    results = [
        compare(group, settings, cpu_time=cpu_time)
        for group in GROUPS
        if _chosen(group.name, words)
    ]
    results += [measure_alone(name, settings) for name in MEASURED if _chosen(name, words)]
    if as_json:
        print(to_json(results))
    else:
        console = Console()
        for result in results:
            show(console, result)
    if check and not all(goal.met for result in results for goal in result.goals):
        raise typer.Exit(1)


def _chosen(name: str, words: list[str] | None) -> bool:
    return not words or any(word in name for word in words)


typer.run(main)
