"""docs/supervision.md is up to date with the code, and its examples run."""

import re
from pathlib import Path

import pytest

from supervisors import _tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "supervision.md"
TEXT = DOCUMENT.read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_generated_parts_are_up_to_date():
    stale = "run: python -m docs.generate_supervision"

    assert _tables.refreshed(TEXT) == TEXT, stale


def test_every_generated_part_is_in_the_document():
    parts = re.findall(r"<!-- generated: (\w+) -->", TEXT)

    assert sorted(_tables.GENERATED) == sorted(parts)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example):
    exec(compile(example, str(DOCUMENT), "exec"), {})


def test_the_diagram_names_every_way_from_one_status_to_another():
    diagram = _tables.state_diagram()

    assert "    backing_off --> stopped: stop" in diagram
    assert "    running --> suspended: failed or stopped itself" in diagram
    assert '    state "backing off" as backing_off' in diagram


def test_a_part_is_replaced_between_its_marks_and_nothing_else():
    before = "a\n<!-- generated: decisions -->\nold\n<!-- end -->\nz"

    after = _tables.refreshed(before)

    assert after.startswith("a\n<!-- generated: decisions -->\n| the decider says |")
    assert after.endswith("|\n<!-- end -->\nz")
    assert "old" not in after
