"""Which statements a handler may not run inside a transaction of the bus's."""

import pytest

from actorbus.stores.postgresql._guard import Guard, refusal


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "commit;",
        "  -- so\n /* or so */ ROLLBACK",
        "END",
        "ABORT",
        "START TRANSACTION",
        "INSERT INTO a VALUES (1); COMMIT",
        "SAVEPOINT mine",
        "PREPARE TRANSACTION 'x'",
        "SET search_path = other",
        "SET SESSION work_mem = '1GB'",
        "RESET ALL",
        "DISCARD ALL",
        "LISTEN news",
        "SELECT ';'; ROLLBACK TO SAVEPOINT x",
        "SELECT $$;$$ ; COMMIT",
        "SELECT E'\\';'; COMMIT",
    ],
)
def test_what_ends_the_transaction_or_outlives_it_is_refused(sql):
    assert refusal(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT 'x; COMMIT'",
        'SELECT 1 AS "; COMMIT"',
        "SELECT $$ ; COMMIT $$",
        "SELECT $tag$ ; COMMIT $$ ; $tag$",
        "-- ; COMMIT\nSELECT 1",
        "/* ; COMMIT */ SELECT 1",
        "SET LOCAL work_mem = '64MB'",
        "SET CONSTRAINTS ALL DEFERRED",
        "PREPARE plan AS SELECT 1",
        "INSERT INTO a VALUES ($1); ",
        "",
    ],
)
def test_the_rest_may_run(sql):
    assert refusal(sql) is None


def test_what_was_looked_at_is_remembered_up_to_a_bound():
    guard = Guard(bound=2)

    for number in range(5):
        assert guard.refuses(f"SELECT {number}") is None
        assert guard.refuses("COMMIT") is not None

    assert len(guard._known) <= 2
