"""The account shows every kind of difference from the truth, lest the demo pass by luck."""

from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from examples.flights.account import PERMANENT, Account, account_table
from examples.flights.messages import CarrierAccount
from examples.flights.truth import Truth

TRUTH = Truth(rows=Counter(UA=10, OO=1), cancelled=Counter(UA=2), late=Counter(UA=3))
UA = CarrierAccount("UA", departed=8, late=3, notified=3, statistics=3, counted_late=3)
OO = CarrierAccount("OO", departed=1)
RIGHT = Account(
    carriers=(OO, UA),
    cancelled=Counter(UA=2),
    dead_letters=Counter({PERMANENT: 2}),
    unfinished=0,
    replayed=3,
    restarts=1,
    seconds=1.234,
)


def test_an_account_that_is_right_has_no_differences():
    assert list(RIGHT.differences(TRUTH)) == []


def test_its_json_has_the_promised_keys():
    document = RIGHT.as_json()

    assert list(document) == [
        *("rows", "departed", "cancelled", "late", "per_carrier", "notified", "statistics"),
        *("dead_letters", "replayed", "restarts", "seconds"),
    ]
    assert (document["rows"], document["late"], document["notified"]) == (11, 3, 3)
    assert document["per_carrier"]["UA"] == {
        "rows": 10,
        "departed": 8,
        "cancelled": 2,
        "late": 3,
        "notified": 3,
        "statistics": 3,
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"carriers": (OO, replace(UA, departed=7))}, "UA: departed is 7, the file says 8"),
        ({"carriers": (OO, replace(UA, notified=4))}, "UA: notified is 4, the file says 3"),
        ({"carriers": (OO, replace(UA, statistics=2))}, "UA: statistics is 2, the file says 3"),
        ({"carriers": (OO, replace(UA, counted_late=4))}, "UA: the counter of late flights says 4"),
        ({"carriers": (OO, replace(UA, repeated=1))}, "UA: 1 effects happened more than once"),
        ({"carriers": (UA,)}, "OO: rows is 0, the file says 1"),
        (
            {"carriers": (OO, UA, CarrierAccount("ZZ", departed=1))},
            "ZZ: rows is 1, the file says 0",
        ),
        ({"cancelled": Counter(UA=1)}, "UA: cancelled is 1, the file says 2"),
        ({"dead_letters": Counter({"attempts exhausted": 5})}, "5 dead letters are left: attempts"),
        ({"unfinished": 1}, "1 messages are unfinished"),
    ],
)
def test_each_kind_of_difference_is_said(wrong, said):
    differences = list(replace(RIGHT, **wrong).differences(TRUTH))

    assert any(difference.startswith(said) for difference in differences), differences


def test_the_table_has_a_line_for_each_carrier_and_the_totals():
    console = Console(width=80, record=True)
    console.print(account_table(RIGHT, TRUTH, 80))
    lines = console.export_text().splitlines()[2:]

    assert [line.split()[0] for line in lines] == ["UA", "OO", "all"]
    assert lines[-1].split()[1:] == ["11/11", "9/9", "2/2", "3/3", "3/3", "3/3"]
