"""For tests of actors: someone to talk to, a record of events, and time that jumps.

Probe            an actor that keeps what it is sent, and answers as it is told to
EventRecorder    the events of a system, and a reply for each that is still to come
VirtualClock     jumps to the next deadline when nothing runs, on threads and asyncio either
SteppedClock     the same, as far as a test on another thread lets time pass
"""

from actors.testing._clock import VirtualClock as VirtualClock
from actors.testing._probe import Probe as Probe
from actors.testing._recorder import EventRecorder as EventRecorder
from actors.testing._stepped_clock import SteppedClock as SteppedClock

__all__ = ["EventRecorder", "Probe", "SteppedClock", "VirtualClock"]
