"""The pages lead to each other, and to files that are there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from actorbus.cli._app import app as commands

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(page):
    """The files that a page points at, without code, anchors and other sites."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = (target.partition("#")[0] for target in LINK.findall(prose) if ":" not in target)
    return [(page.parent / target).resolve() for target in targets if target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    assert [str(target) for target in links(page) if not target.exists()] == []


def test_every_page_is_listed_in_the_index():
    index = ROOT / "docs" / "index.md"

    listed = {index, *links(index)}

    assert set((ROOT / "docs").rglob("*.md")) - listed == set()


EXECUTED_BY = {
    "acceptance/test_docs_bus.py": ["bus"],
    "acceptance/test_docs_channels.py": ["channels"],
    "acceptance/test_docs_deduplication.py": ["deduplication"],
    "acceptance/test_docs_distributed.py": ["distributed"],
    "acceptance/test_docs_dynamic_channels.py": ["dynamic-channels"],
    "acceptance/test_docs_messages.py": ["messages"],
    "acceptance/test_docs_ordering.py": ["ordering"],
    "acceptance/test_docs_programs.py": [
        "batches",
        "coming-from-celery",
        "coming-from-ecotone",
        "coming-from-symfony-messenger",
        "consuming",
        "delivery-options",
        "errors",
        "flow-control",
        "gateways",
        "interceptors",
    ],
    "acceptance/test_docs_queries.py": ["queries"],
    "acceptance/test_docs_scheduling.py": ["scheduling"],
    "acceptance/test_docs_testing.py": ["testing"],
    "acceptance/test_tuning_case.py": ["tuning"],
    "integration/test_docs_durability.py": ["durability"],
    "runtime/test_docs_actors.py": ["actors"],
    "runtime/test_docs_routers.py": ["routers"],
    "runtime/test_pykka_deviations.py": ["pykka"],
    "unit/supervisors/test_documents.py": ["supervision"],
}
"""Which test runs the examples of which pages."""


def test_every_page_with_examples_is_run_by_a_test():
    with_examples = {
        page.stem for page in (ROOT / "docs").glob("*.md") if "```python" in page.read_text()
    }

    assert with_examples == {name for names in EXECUTED_BY.values() for name in names}


@pytest.mark.parametrize("test", EXECUTED_BY)
def test_the_test_of_a_page_names_it(test):
    text = (ROOT / "tests" / test).read_text()

    assert [name for name in EXECUTED_BY[test] if name not in text] == []


COMMANDS = [
    (page.name, line)
    for page in PAGES
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    for line in re.findall(r"^\$ actorbus (.*)", block.replace("\\\n", ""), re.MULTILINE)
]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_line_shown_is_one_that_there_is(page, line):
    words = shlex.split(line.partition(" < ")[0], comments=True)
    command: Any = typer.main.get_command(commands)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]

    command.make_context("actorbus", words)  # raises for options that it does not have
