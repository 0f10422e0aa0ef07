"""Simulate failures, and load, against a strategy before production does, in virtual time.

    plan = [Crash("mailer", at=1.0), Outage("mailer", start=60.0, end=660.0)]
    report = simulate(OneForOne(max_restarts=None), ["mailer"], plan, until=900.0)
    report.child("mailer").downtime

    mailer = Endpoint("mailer", Poisson(50.0), Exponential(0.02), [DependencyOutage(60.0, 600.0)])
    simulate(OneForOne(max_restarts=None), [mailer], until=900.0, runs=10).figure("recovery")

    children     Endpoint, Worker, Tree; names and ChildSpecs: children without messages
    plan         Crash, Outage, drawn_crashes               what befalls the children themselves
    arrivals     Poisson, Every, Bursts, RecordedArrivals
    service      Fixed, Exponential, LogNormal, RecordedService
    failures     Independent, FailureBursts, Poison, DependencyOutage, DependencyOutages
    recorded     Trace, EndpointTrace, Try                   what a running system went through
    found        Report, ChildReport, LoadReport; Step, MessageStep, HealthStep
                 Runs, Figure, FIGURES                       of several runs, with their confidence

Nothing sleeps and nothing is random: draws come from the seed.
"""

from ._arrivals import Arrivals as Arrivals
from ._arrivals import Bursts as Bursts
from ._arrivals import Every as Every
from ._arrivals import Poisson as Poisson
from ._arrivals import RecordedArrivals as RecordedArrivals
from ._failures import DependencyOutage as DependencyOutage
from ._failures import DependencyOutages as DependencyOutages
from ._failures import FailureBursts as FailureBursts
from ._failures import FailureKind as FailureKind
from ._failures import FailureModel as FailureModel
from ._failures import Independent as Independent
from ._failures import Poison as Poison
from ._figure import Figure as Figure
from ._model import Child as Child
from ._model import Endpoint as Endpoint
from ._model import Overflow as Overflow
from ._model import Tree as Tree
from ._model import Worker as Worker
from ._plan import Crash as Crash
from ._plan import Outage as Outage
from ._plan import SimulatedFailureError as SimulatedFailureError
from ._plan import drawn_crashes as drawn_crashes
from ._report import FIGURES as FIGURES
from ._report import AnyStep as AnyStep
from ._report import ChildReport as ChildReport
from ._report import HealthStep as HealthStep
from ._report import LoadReport as LoadReport
from ._report import MessageStep as MessageStep
from ._report import Report as Report
from ._report import Runs as Runs
from ._report import Step as Step
from ._run import simulate as simulate
from ._service import Exponential as Exponential
from ._service import Fixed as Fixed
from ._service import LogNormal as LogNormal
from ._service import RecordedService as RecordedService
from ._service import Service as Service
from ._trace import EndpointTrace as EndpointTrace
from ._trace import Outcome as Outcome
from ._trace import Trace as Trace
from ._trace import Try as Try

__all__ = [
    "FIGURES",
    "AnyStep",
    "Arrivals",
    "Bursts",
    "Child",
    "ChildReport",
    "Crash",
    "DependencyOutage",
    "DependencyOutages",
    "Endpoint",
    "EndpointTrace",
    "Every",
    "Exponential",
    "FailureBursts",
    "FailureKind",
    "FailureModel",
    "Figure",
    "Fixed",
    "HealthStep",
    "Independent",
    "LoadReport",
    "LogNormal",
    "MessageStep",
    "Outage",
    "Outcome",
    "Overflow",
    "Poison",
    "Poisson",
    "RecordedArrivals",
    "RecordedService",
    "Report",
    "Runs",
    "Service",
    "SimulatedFailureError",
    "Step",
    "Trace",
    "Tree",
    "Try",
    "Worker",
    "drawn_crashes",
    "simulate",
]
