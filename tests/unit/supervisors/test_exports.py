"""The public names are exactly the intended ones, and the package is as pure as it says."""

import subprocess
import sys

import supervisors
from supervisors import simulator

IMPURE = {"trio", "asyncio", "anyio", "threading", "socket", "select", "subprocess", "pykka"}

NAMES = """
    OneForOne OneForAll RestForOne Strategy OnGiveUp Children
    Backoff BackoffState Phase Intensity Window Retry Redeliver Disposition Fate fate
    ChildSpec RestartKind check_children
    Directive Decider DecideFunction ExceptionTypes EFFECTIVE
    decide default_decider fails_on_ask leaves
    ChildState Failure Decision ResumeChild RestartChildren StopChild EscalateFailure
    Status LifecycleEvent TRANSITIONS transition
    ConfigurationError LifecycleError RestartsExhausted
    Verdict NextTry TryAgain ReleaseMessage GiveUpMessage next_try
    DependencyHealth Health free_places DrawStream draw_stream
    simulate
"""


def test_the_public_names():
    assert set(NAMES.split()) == set(supervisors.__all__)
    assert all(hasattr(supervisors, name) for name in supervisors.__all__)


SIMULATOR = """
    simulate Child Endpoint Worker Tree Overflow
    Crash Outage drawn_crashes SimulatedFailureError
    Arrivals Poisson Every Bursts RecordedArrivals
    Service Fixed Exponential LogNormal RecordedService
    FailureModel FailureKind Independent FailureBursts Poison DependencyOutage DependencyOutages
    Trace EndpointTrace Try Outcome
    Report ChildReport LoadReport Runs Figure FIGURES
    AnyStep Step MessageStep HealthStep
"""


def test_the_public_names_of_the_simulator():
    assert set(SIMULATOR.split()) == set(simulator.__all__)
    assert all(hasattr(simulator, name) for name in simulator.__all__)


PROGRAM = """
import sys
sys.path[:] = {path!r}
import supervisors
print(*sys.modules)
"""


def test_importing_it_brings_in_no_event_loop_no_thread_and_no_network():
    program = PROGRAM.format(path=sys.path)

    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )

    assert IMPURE.isdisjoint(ran.stdout.split())
