"""From a handler's exception to what becomes of its message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorbus._errors import HandlerTimeout, PermanentError, UndecodableMessage
from actorbus._settlement import RELEASE, DeadLetter, DeadLetterReason, Failure
from actorbus._settlement import Retry as RetryLater
from actorbus._store import (
    GroupLost,
    SchemaTooNew,
    StaleClaim,
    StatementRefused,
    StoreFull,
    TransactionTooLong,
)
from actorbus.endpoints._decision import (
    MOST_MESSAGE,
    MOST_TRACEBACK,
    Judge,
    decide,
    failure_of,
)
from actorbus.endpoints._traceback import described
from supervisors import Retry, Verdict

RETRY = Retry(attempts=3, initial=1.0, factor=2.0, maximum=60.0, jitter=0.5)
JUDGE = Judge(RETRY, outage=(ConnectionError, TimeoutError), permanent=(KeyError,))


def failure(attempt: int) -> Failure:
    return Failure("ValueError", "no", "Traceback...", 7.0, attempt)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ValueError(), Verdict.FAILED),
        (HandlerTimeout(), Verdict.FAILED),
        (TransactionTooLong(), Verdict.FAILED),
        (StatementRefused(), Verdict.FAILED),
        (ConnectionRefusedError(), Verdict.OUTAGE),
        (TimeoutError(), Verdict.OUTAGE),
        (KeyError("x"), Verdict.PERMANENT),
        (PermanentError(), Verdict.PERMANENT),
        (UndecodableMessage(), Verdict.UNDECODABLE),
        (StoreFull(), Verdict.STORE),
        (GroupLost(), Verdict.STORE),
        (SchemaTooNew(), Verdict.STORE),
        (StaleClaim(), Verdict.STALE),
    ],
)
def test_an_exception_is_judged_by_its_type(error, verdict):
    assert JUDGE.verdict(error) is verdict


def test_a_group_is_an_outage_only_if_all_its_leaves_are():
    outages = ExceptionGroup("", [ConnectionError(), ExceptionGroup("", [TimeoutError()])])
    mixed = ExceptionGroup("", [ConnectionError(), ValueError()])

    assert [JUDGE.verdict(outages), JUDGE.verdict(mixed)] == [Verdict.OUTAGE, Verdict.FAILED]


def test_one_permanent_leaf_makes_a_group_permanent():
    group = ExceptionGroup("", [ConnectionError(), ValueError(), PermanentError()])

    assert JUDGE.verdict(group) is Verdict.PERMANENT


def test_an_exception_that_is_both_is_permanent():
    judge = Judge(RETRY, outage=(OSError,), permanent=(ConnectionError,))

    assert judge.verdict(ConnectionError()) is Verdict.PERMANENT


def test_a_failure_waits_longer_each_time_and_dies_with_its_last_attempt():
    settled = [decide(Verdict.FAILED, failure(n), RETRY, draw=0.0) for n in (1, 2, 3)]

    assert settled == [
        RetryLater(1.0, failure(1)),
        RetryLater(2.0, failure(2)),
        DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(3)),
    ]


def test_the_draw_lengthens_the_delay():
    settled = decide(Verdict.FAILED, failure(1), RETRY, draw=1.0)

    assert settled == RetryLater(1.5, failure(1))


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict.PERMANENT, DeadLetterReason.PERMANENT_ERROR),
        (Verdict.UNDECODABLE, DeadLetterReason.UNDECODABLE),
    ],
)
def test_what_retrying_cannot_help_dies_at_its_first_attempt(verdict, reason):
    assert decide(verdict, failure(1), RETRY, 0.0) == DeadLetter(reason, failure(1))


@pytest.mark.parametrize("verdict", [Verdict.OUTAGE, Verdict.STORE, Verdict.STALE])
@pytest.mark.parametrize("attempt", [1, 3, 99])
def test_what_is_not_the_messages_fault_is_released_uncounted(verdict, attempt):
    assert decide(verdict, failure(attempt), RETRY, 0.0) == RELEASE


def test_an_outage_seen_alone_counts_like_any_failure():
    settled = [decide(Verdict.OUTAGE, failure(n), RETRY, 0.0, alone=True) for n in (1, 3)]

    assert settled == [
        RetryLater(1.0, failure(1)),
        DeadLetter(DeadLetterReason.ATTEMPTS_EXHAUSTED, failure(3)),
    ]


@given(st.sampled_from(Verdict), st.integers(1, 100), st.floats(0, 1), st.booleans())
def test_a_retry_is_never_written_once_the_attempts_are_used_up(verdict, attempt, draw, alone):
    settled = decide(verdict, failure(attempt), RETRY, draw, alone=alone)

    if attempt >= RETRY.attempts:
        assert not isinstance(settled, RetryLater)


def test_a_failure_keeps_type_message_and_the_end_of_the_traceback():
    def deep(level: int) -> None:
        if level:
            return shallow(level)
        raise ConnectionResetError("x" * MOST_TRACEBACK)

    def shallow(level: int) -> None:
        deep(level - 1)

    with pytest.raises(ConnectionResetError) as caught:
        deep(5)
    kept = failure_of(caught.value, 7.0, 2)

    assert (kept.exception, kept.at, kept.attempt) == ("ConnectionResetError", 7.0, 2)
    assert len(kept.traceback) == MOST_TRACEBACK
    assert kept.traceback.endswith("x\n")


def test_the_type_of_a_failure_is_named_with_its_module():
    assert failure_of(PermanentError("no"), 0.0, 1).exception == "actorbus.PermanentError"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


def test_an_exception_whose_text_cannot_be_made_is_kept_all_the_same():
    kept = failure_of(Unspeakable(), 0.0, 1)

    assert kept.exception.endswith(".Unspeakable")
    assert kept.message == "(its text cannot be made: ZeroDivisionError)"
    assert "ZeroDivisionError" in described(Unspeakable())


def test_the_beginning_of_a_long_text_is_kept():
    kept = failure_of(ValueError("y" + "x" * MOST_MESSAGE), 0.0, 1)

    assert kept.message == "y" + "x" * (MOST_MESSAGE - 1)
