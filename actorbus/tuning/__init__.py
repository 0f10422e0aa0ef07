"""Tuning supervision: recordings of what failed, for replays against other settings.

read_recording, Recording    a trace file, as `bus.record` and `actorbus record` write it
EndpointSettings, Happened, Ended    what it holds
TraceFileError               what is no trace, with the line
"""

from actorbus.tuning._trace_file import Ended as Ended
from actorbus.tuning._trace_file import EndpointSettings as EndpointSettings
from actorbus.tuning._trace_file import Happened as Happened
from actorbus.tuning._trace_file import Recording as Recording
from actorbus.tuning._trace_file import TraceFileError as TraceFileError
from actorbus.tuning._trace_file import read_recording as read_recording

__all__ = [
    "Ended",
    "EndpointSettings",
    "Happened",
    "Recording",
    "TraceFileError",
    "read_recording",
]
