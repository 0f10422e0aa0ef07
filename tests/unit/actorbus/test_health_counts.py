"""The health of an endpoint shows all that is counted of its messages."""

from dataclasses import fields

from actorbus import EndpointHealth
from actorbus.endpoints._workload import Counts
from actorbus.operations._health import COUNTED


def test_what_is_counted_is_shown():
    """A count that is added has its place in the report, and a report works without it."""
    assert set(COUNTED) == {count.name for count in fields(Counts)}
    assert set(COUNTED) <= {shown.name for shown in fields(EndpointHealth)}
