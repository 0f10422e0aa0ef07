"""Which clock rates are measured by: real time, or the time that the process had the processor.

The second is for machines that others use too, and says the same on one core that is always busy.
"""

import time
from collections.abc import Callable

_clock: Callable[[], float] = time.perf_counter


def use_cpu_time() -> None:
    """Measure by the processor's time from now on."""
    global _clock  # noqa: PLW0603  # one setting of a process that measures one thing
    _clock = time.process_time


def now() -> float:
    return _clock()
