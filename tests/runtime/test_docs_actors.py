"""The page on actors: its first example runs, and it names every event."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import actors
import supervisors
from actors import events

PAGE = (Path(__file__).parents[2] / "docs" / "actors.md").read_text()


def test_its_first_example_runs():
    program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("16\n", "")


def test_its_example_of_other_processes_runs_as_a_script_under_any_name(tmp_path):
    program = next(
        code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Picture" in code
    )
    (tmp_path / "pictures").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "pictures"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    promised = re.findall(r"# (\d+)", program)
    assert (done.stdout.split(), done.stderr) == (promised, "")


def test_it_names_every_event():
    kinds = [
        name
        for name, kind in vars(events).items()
        if inspect.isclass(kind) and issubclass(kind, events.Event) and kind is not events.Event
    ]
    assert len(kinds) >= 15
    assert [name for name in kinds if f"`{name}`" not in PAGE] == []


def test_every_public_name_of_the_package_is_listed_and_has_a_docstring():
    public = {name for name in vars(actors) if not name.startswith("_")}
    modules = {name for name in public if inspect.ismodule(getattr(actors, name))}
    assert set(actors.__all__) <= public
    assert public - modules == set(actors.__all__) - modules
    assert [name for name in actors.__all__ if not getattr(actors, name).__doc__] == []


def test_its_class_with_options_is_taken():
    [block] = [code for code in _blocks() if "Redeliver(" in code]

    exec(compile(block, "actors.md", "exec"), {"__name__": "actors_page"})


def test_its_supervisor_starts_its_children_and_passes_on():
    """The page's `system`, `Database` and `Cache` are the reader's own."""
    [block] = [code for code in _blocks() if "OneForAll(" in code]
    told: list[object] = []

    class Database(actors.Actor):
        def on_receive(self, message: object) -> None:
            told.append(message)

    class Cache(actors.Actor):
        pass

    with actors.ActorSystem("shop") as system:
        names = {**vars(actors), **vars(supervisors), "Database": Database, "Cache": Cache}
        exec(compile(block, "actors.md", "exec"), {**names, "system": system})
        system["shop/storage/db"].ask("again")

    assert told == ["hello", "again"]


def _blocks():
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
