"""`actorbus bench`: the suites of the checkout that actorbus runs from; a wheel has none."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

import actorbus
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode
from actorbus.cli._output import reported

ANY = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""All that follows is for the suites' own command line, `--help` too."""

NO_SUITES = "the benchmark suites are not part of an installed package"
WHERE = "they are in the folder benchmarks/ of the source repository; this actorbus is a copy in {}"
HOW = "in a checkout: `make dev`, then `.venv/bin/actorbus bench list`"
NO_TOOLS = ("`make dev` in the checkout installs what they need",)


def bench(context: typer.Context) -> None:
    """Measure: `bench list`, `run`, `compare`, `plot`; the same as `python -m benchmarks`."""
    with reported(as_json="--json" in context.args, show_traceback=False):
        command = _suites(Path(actorbus.__file__).resolve().parents[1])
    code = command(context.args, prog_name="actorbus bench", standalone_mode=False)
    if isinstance(code, int) and code:
        raise typer.Exit(code)


def _suites(root: Path) -> Any:
    """Return the suites' command line. Raises CommandFailed, saying how to get them."""
    if not (root / "benchmarks" / "_suites.py").exists() or not (root / "pyproject.toml").exists():
        raise CommandFailed(NO_SUITES, ExitCode.USAGE, (WHERE.format(root), HOW))
    sys.path.insert(0, str(root))
    try:
        return import_module("benchmarks._cli").app
    except ModuleNotFoundError as error:
        raise CommandFailed(f"the suites cannot run: {error}", details=NO_TOOLS) from error
