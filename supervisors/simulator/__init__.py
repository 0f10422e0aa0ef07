"""Replay failures against a strategy before production does, in virtual time.

    plan = [Crash("mailer", at=1.0), Outage("mailer", start=60.0, end=660.0)]
    report = simulate(OneForOne(max_restarts=None), ["mailer"], plan, until=900.0)
    report.child("mailer").downtime

Nothing sleeps and nothing is random: draws come from the seed.
"""

from ._plan import Crash as Crash
from ._plan import Outage as Outage
from ._plan import drawn_crashes as drawn_crashes
from ._report import ChildReport as ChildReport
from ._report import Report as Report
from ._report import Step as Step
from ._run import simulate as simulate

__all__ = ["ChildReport", "Crash", "Outage", "Report", "Step", "drawn_crashes", "simulate"]
