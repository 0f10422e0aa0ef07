"""Every rule that is switched off, in the settings or on a line, has its reason beside it."""

import re
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("supervisors", "actors", "actorbus", "examples", "benchmarks", "tests")
MARK = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
NOQA = re.compile(r"#\s*noqa: *[A-Z]+\d+(?:, ?[A-Z]+\d+)*")
IGNORE = re.compile(r"#\s*type: ?ignore\[[\w, -]+\]")


def faults(comment):
    """What is wrong with a comment that silences a tool, as a list of words."""
    if not MARK.search(comment):
        return []
    rest = IGNORE.sub("", NOQA.sub("", comment))
    if MARK.search(rest):
        return ["no code"]
    return [] if len(re.findall(r"[A-Za-z]{2,}", rest)) >= 2 else ["no reason"]


def comments(path):
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_silenced_line_names_the_rule_and_the_reason(folder):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, comment in comments(path)
        for fault in faults(comment)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# counts the attempts", []),
        ("# noqa: BLE001 - published as an event", []),
        ("# noqa: BLE001, S110  published as an event", []),
        ("# type: ignore[misc]  # pykka declares no type", []),
        ("# type: ignore[misc]  # noqa: SLF001  pykka declares no type", []),
        ("# noqa", ["no code"]),
        ("# noqa because it is so", ["no code"]),
        ("# type: ignore  # because it is so", ["no code"]),
        ("# noqa: BLE001", ["no reason"]),
        ("# type: ignore[arg-type]", ["no reason"]),
        ("# type: ignore[arg-type]  # noqa: SLF001", ["no reason"]),
    ],
)
def test_a_comment_is_judged_by_its_code_and_its_words(comment, expected):
    assert faults(comment) == expected


def rules_switched_off():
    """The lines of pyproject.toml that hold one rule of a list of ignored ones."""
    text = (ROOT / "pyproject.toml").read_text()
    return [line for line in text.splitlines() if re.match(r'    "[A-Z]+\d*",', line)]


def test_every_rule_switched_off_in_the_settings_has_its_reason_on_its_line():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    lists = [lint["ignore"], *lint["per-file-ignores"].values()]

    assert len(rules_switched_off()) == sum(len(rules) for rules in lists)
    assert [line for line in rules_switched_off() if not re.search(r"#\s+\S+ \S+", line)] == []
