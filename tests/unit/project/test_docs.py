"""The pages lead to each other, and to files that are there."""

import re
from pathlib import Path

import pytest

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
