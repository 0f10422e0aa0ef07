"""Tuning supervision: what failed, replayed against other settings, before production does.

search -> Tuning             tries settings on a scenario: a front, a recommendation, its reasons
KNOBS, differences           what may be changed of an endpoint (`actorbus.Supervision`)
Scenario, Costs, OBJECTIVES  what is simulated, and the figures that it is judged by
Candidate, Explanation, Progress    what a search has and says
EndpointScenario, traced     an endpoint in the simulator, as a model or as it was recorded
draw_plots, check_plots      its plots (extra `tune`)
read_trace                   a trace file as `supervisors.simulate` takes it
read_recording, Recording    a trace file, as `bus.record` and `actorbus record` write it
EndpointSettings, Happened, Ended    what it holds
TraceFileError               what is no trace, with the line
"""

from actorbus.tuning._archive import Candidate as Candidate
from actorbus.tuning._archive import Scenario as Scenario
from actorbus.tuning._explaining import Explanation as Explanation
from actorbus.tuning._knobs import KNOBS as KNOBS
from actorbus.tuning._knobs import differences as differences
from actorbus.tuning._objectives import OBJECTIVES as OBJECTIVES
from actorbus.tuning._objectives import Costs as Costs
from actorbus.tuning._objectives import parse_weights as parse_weights
from actorbus.tuning._plots import check_plots as check_plots
from actorbus.tuning._plots import draw_plots as draw_plots
from actorbus.tuning._reading import read_trace as read_trace
from actorbus.tuning._scenario import EndpointScenario as EndpointScenario
from actorbus.tuning._scenario import traced as traced
from actorbus.tuning._trace_file import Ended as Ended
from actorbus.tuning._trace_file import EndpointSettings as EndpointSettings
from actorbus.tuning._trace_file import Happened as Happened
from actorbus.tuning._trace_file import Recording as Recording
from actorbus.tuning._trace_file import TraceFileError as TraceFileError
from actorbus.tuning._trace_file import read_recording as read_recording
from actorbus.tuning._tuning import Progress as Progress
from actorbus.tuning._tuning import Tuning as Tuning
from actorbus.tuning._tuning import search as search

__all__ = [
    "KNOBS",
    "OBJECTIVES",
    "Candidate",
    "Costs",
    "Ended",
    "EndpointScenario",
    "EndpointSettings",
    "Explanation",
    "Happened",
    "Progress",
    "Recording",
    "Scenario",
    "TraceFileError",
    "Tuning",
    "check_plots",
    "differences",
    "draw_plots",
    "parse_weights",
    "read_recording",
    "read_trace",
    "search",
    "traced",
]
