"""Which messages nobody takes, and why."""

import json

import pytest
from msgspec import structs

from actorbus._store import ProcessRow, QueueStatistics
from actorbus.operations._stranded import Contested, contested, stranded

MAIL = QueueStatistics(channel="mail", endpoint="shop.confirm", tenant="", ready=2)


def process(consumes, *, alive=True, snapshot=True):
    return ProcessRow(
        process_id="p",
        bus="shop",
        host="here",
        pid=1,
        started_at=0.0,
        renewed_at=0.0,
        alive=alive,
        snapshot=json.dumps({"consumes": consumes}) if snapshot else None,
        snapshot_at=0.0,
    )


@pytest.mark.parametrize(
    ("processes", "reason"),
    [
        ([], "no process is running"),
        ([process({"mail": ["shop.confirm"]}, alive=False)], "no process is running"),
        ([process({})], "no running process consumes the channel 'mail'"),
        ([process({"mail": ["shop.other"]})], "no running process has this endpoint"),
    ],
)
def test_a_queue_that_nobody_takes_has_a_reason(processes, reason):
    (found,) = stranded([MAIL], processes)

    assert (found.queue, found.reason) == (MAIL, reason)


def test_a_queue_that_one_process_takes_is_not_stranded():
    takes = process({"mail": ["shop.other", "shop.confirm"]})

    assert list(stranded([MAIL], [process({}), takes])) == []


def test_nothing_is_said_while_a_process_has_not_said_what_it_consumes():
    assert list(stranded([MAIL], [process({}), process({}, snapshot=False)])) == []


def test_a_queue_without_messages_is_not_stranded():
    empty = QueueStatistics(channel="mail", endpoint="shop.confirm", tenant="", dead=3, expired=1)

    assert list(stranded([empty], [])) == []


def test_an_endpoint_that_two_services_take_is_named():
    """Two live processes of one service may share an endpoint; those of two services may not."""
    one, other = (
        process({"mail": ["shop.confirm", "shop.own"]}),
        process({"mail": ["shop.confirm"]}),
    )
    other = structs.replace(other, bus="billing")
    gone = structs.replace(process({"mail": ["shop.own"]}, alive=False), bus="billing")

    assert list(contested([one, one, gone])) == []
    assert list(contested([one, other])) == [Contested("mail", "shop.confirm", ("billing", "shop"))]
