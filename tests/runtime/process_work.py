"""Functions that the tests of `runs_on="process"` have worker processes run."""

import atexit
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_calls = itertools.count(1)


class Refused(Exception):
    """Has an argument that its pickle does not tell."""

    def __init__(self, number, reason):
        super().__init__(f"{number}: {reason}")


class Unreadable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self):
        return fail_to_unpickle, ()


def fail_to_unpickle():
    raise OSError("not again")


def double(number):
    return 2 * number


def pid(_message=None):
    return os.getpid()


def calls(_message=None):
    """How often this process was asked."""
    return next(_calls)


def do(message):
    """Do what the message says: (function name, arguments)."""
    name, *arguments = message
    return globals()[name](*arguments)


def fail(error):
    raise error


def fail_deeply(error):
    try:
        raise KeyError("inner")
    except KeyError as inner:
        raise error from inner


def refuse(number):
    raise Refused(number, "because")


def leave(code):
    os._exit(code)


def die_by(number):
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang(marker=None):
    """Say where it is, and do not come back."""
    if marker is not None:
        tell(marker, os.getpid())
    while True:
        time.sleep(0.01)


def tell(marker, value):
    """Put a value where the test finds it, all at once."""
    path = Path(marker)
    path.with_suffix(".new").write_text(str(value))
    path.with_suffix(".new").rename(path)


def wait_for(marker):
    while not Path(marker).exists():
        time.sleep(0.005)


def generate():
    yield from range(3)


def unreadable():
    return Unreadable()


def descriptors(_message=None):
    """The open files of this process and of one that it starts."""
    listed = "import os; print(*os.listdir('/proc/self/fd'))"
    inner = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    mine = os.listdir("/proc/self/fd")  # noqa: PTH208  # the names, which are numbers
    return sorted(map(int, mine)), sorted(map(int, inner.stdout.split()))


def about():
    """What a worker sees of its surroundings."""
    return {
        "path": sys.path,
        "argv": sys.argv,
        "stdin": sys.stdin.read(),
        "threads": [thread.name for thread in threading.enumerate()],
        "modules": sorted(name for name in sys.modules if name in {"trio", "actors", "pytest"}),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    }


def echo(value):
    return value


def note_exit(marker):
    atexit.register(tell, marker, "ended in order")


def fork_and_leave(marker):
    """Die while a child of this process goes on until the test says so."""
    if os.fork() == 0:
        until = time.monotonic() + 60
        while not Path(marker).exists() and time.monotonic() < until:
            time.sleep(0.01)
        os._exit(0)
    os._exit(4)


def double_in_another(number):
    """Have a worker of this worker do it."""
    from actors import ActorSystem

    with ActorSystem("inner") as system:
        return system.run_in_process(double, number).get(timeout=60), os.getpid()


async def asynchronous():
    return None
