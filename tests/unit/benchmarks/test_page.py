"""The page of results is what the committed document makes of it, and says what it rests on."""

import pytest

from benchmarks._document import Entry, new, read
from benchmarks._measure import Goal, Result, Series
from benchmarks._page import BEGIN, END, PAGE, RESULTS, replaced, results, write
from benchmarks._scenario import Peer, Scenario
from benchmarks._settings import Settings

HUEY = Peer("Huey", "huey", "at most once", "it takes a task off first")


@pytest.fixture
def document():
    scenario = Scenario("an insert", "effectively once", {"max_in_flight": 400}, (HUEY,))
    series = [Series("bus", "/s", (3.0, 1.0, 2.0)), Series("Huey | x", "/s", (4.0,))]
    result = Result("drain", series, [Goal("rate", 1.0, "at least", 2.0)], ["a note"])
    return new(
        Settings(repeat=3, quick=True), [Entry("embedded", "s", scenario, (), 1, result)], {}
    )


def test_the_page_holds_what_the_committed_document_says():
    page = PAGE.read_text()

    assert replaced(page, read(RESULTS)) == page


def test_each_figure_has_its_spread_and_each_class_its_table(document):
    text = results(document)

    assert "| effectively once | median | lowest | highest | |" in text
    assert "| bus | 2 | 1 | 3 | /s |" in text
    assert "| at most once | median" in text
    assert "| Huey \\| x | 4 | 4 | 4 | /s |" in text
    assert "Apart from the others: it takes a task off first." in text
    assert "rate 1 (at least 2, **missed**)" in text
    assert "max_in_flight=400" in text


def test_results_of_a_quick_run_are_marked(document):
    assert results(document).startswith("**Measured with --quick")
    assert "in 3 rounds" in results(document)


def test_only_what_is_between_the_markers_is_replaced(document, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write(document, page)
    write(document, page)

    text = page.read_text()
    assert text == f"before\n{BEGIN}\n\n{results(document)}\n{END}\nafter\n"


def test_a_page_without_a_place_for_them_is_refused(document):
    with pytest.raises(ValueError, match="no <!-- results"):
        replaced("a page", document)
