"""The program of a worker process: it reads calls from one pipe and writes answers to another.

It imports nothing of this package, so that it starts as fast as Python does, and runs under the
`sys.path` of its parent. The first thing it reads is that path, as JSON; each other one is a call:
its length, then the pickle of `(function, args, kwargs)`. An answer is a letter, a length and a
body: first BEGUN, then LOADED if that went well, then what came of it. It ends when the pipe ends,
with its parent.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pickle
import select
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

LENGTH: Final = struct.Struct("!Q")
HEADER: Final = struct.Struct("!cQ")

BEGUN: Final = b"B"
LOADED: Final = b"L"
RETURNED: Final = b"R"
RAISED: Final = b"E"
UNPICKLABLE: Final = b"U"

MAIN: Final = "__worker_main__"
"""What the parent's `__main__` is called here, so that its `if __name__ == "__main__"` is false."""

LOADING: Final = "__is_being_loaded_by_a_worker__"
"""An attribute of that module while it is imported."""


def main() -> None:
    """Answer calls until the pipe ends. The arguments are the two ends of the pipes."""
    requests, results = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the parent, which ends this
    for descriptor in (requests, results):
        os.set_inheritable(descriptor, False)
    for descriptor in (requests, results):
        os.register_at_fork(after_in_child=functools.partial(os.close, descriptor))
    first = read(requests)
    if first is None:
        return
    setup = json.loads(first)
    sys.path[:] = setup["path"]
    sys.argv[:] = setup["argv"]
    parent = Parent(requests)
    while (payload := read(requests)) is not None:
        parent.waits = True
        write(results, BEGUN, b"")
        kind, body = answer(payload, setup["main"], lambda: write(results, LOADED, b""))
        _flush()
        parent.waits = False
        write(results, kind, body)


class Parent:
    """Watches the pipe from a thread: nobody wants the answer of a call whose caller is dead."""

    def __init__(self, requests: int) -> None:
        self.waits = False
        self._requests = requests
        threading.Thread(target=self._watch, name="parent", daemon=True).start()

    def _watch(self) -> None:
        hang_up = select.poll()
        hang_up.register(self._requests, 0)
        hang_up.poll()
        while not self.waits:  # between two calls the main thread sees it, and ends in order
            time.sleep(0.05)
        os._exit(1)


# -- the pipes -----------------------------------------------------------------------------------


def read(descriptor: int) -> bytes | None:
    """Return the next body, or None at the end."""
    header = _read_exactly(descriptor, LENGTH.size)
    if header is None:
        return None
    return _read_exactly(descriptor, LENGTH.unpack(header)[0])


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    body = bytearray()
    while len(body) < size:
        part = os.read(descriptor, min(size - len(body), 1 << 20))
        if not part:
            return None
        body += part
    return bytes(body)


def write(descriptor: int, kind: bytes, body: bytes) -> None:
    """Write an answer; if nobody is there to read it, end."""
    rest = memoryview(HEADER.pack(kind, len(body)) + body)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        os._exit(1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


# -- a call --------------------------------------------------------------------------------------


def answer(
    payload: bytes, main_module: dict[str, str] | None, loaded: Callable[[], object]
) -> tuple[bytes, bytes]:
    """Make a call, and return what came of it; say when it has been loaded."""
    try:
        function, args, kwargs = _Calls(payload, main_module).load()
    except BaseException as error:  # noqa: BLE001  # it is the caller's
        error.add_note("raised while its worker process loaded the function and its arguments")
        return _failure(error)
    loaded()
    try:
        value = function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001  # as above
        return _failure(error)
    try:
        return RETURNED, pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001  # as above
        return _unpicklable(f"what it returned ({_named(value)})", error, _text(error))


def _failure(error: BaseException) -> tuple[bytes, bytes]:
    text = _text(error)
    try:
        body = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        pickle.loads(body)  # noqa: S301  # of our own making: some only fail here
    except Exception as why:  # noqa: BLE001  # it is told instead
        return _unpicklable(f"what it raised ({_named(error)}: {error})", why, text)
    return RAISED, pickle.dumps((body, text))


def _unpicklable(what: str, why: BaseException, text: str) -> tuple[bytes, bytes]:
    return UNPICKLABLE, pickle.dumps((f"{what} cannot be pickled: {why!r}", text))


def _named(value: object) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _text(error: BaseException) -> str:
    """Return its traceback, this module's frame left out."""
    trace = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace and trace.tb_next)).rstrip()


# -- the parent's `__main__` ---------------------------------------------------------------------


class _Calls(pickle.Unpickler):
    """Finds functions and classes by their names, those of the parent's `__main__` too."""

    def __init__(self, payload: bytes, main_module: dict[str, str] | None) -> None:
        super().__init__(io.BytesIO(payload))
        self._main = main_module

    def find_class(self, module: str, name: str) -> Any:
        """Return it; its module is imported when it is first wanted."""
        if module.rpartition(".")[2] in {"__main__", MAIN} and self._main is not None:
            module = _load_main(self._main["name"], self._main["path"])
        return super().find_class(module, name)


class _Source(importlib.machinery.SourceFileLoader):
    """Leaves no bytecode of a script beside it."""

    def set_data(self, path: str, data: Any, **_: Any) -> None:
        """Do nothing."""


def _load_main(name: str, path: str) -> str:
    """Import the parent's `__main__`, unless it was, and return its name here."""
    package = name.rpartition(".")[0]
    alias = f"{package}.{MAIN}" if package else MAIN
    if alias in sys.modules:
        return alias
    if package:
        importlib.import_module(package)
    spec = importlib.util.spec_from_file_location(alias, path, loader=_Source(alias, path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules["__main__"]
    sys.modules[alias] = sys.modules["__main__"] = module
    setattr(module, LOADING, True)
    try:
        _execute(spec.loader, module, path)
    except BaseException:
        del sys.modules[alias]
        sys.modules["__main__"] = before
        raise
    delattr(module, LOADING)
    _kept.append(before)
    return alias


def _execute(loader: Any, module: ModuleType, path: str) -> None:
    try:
        loader.exec_module(module)
    except Exception:
        raise
    except BaseException as error:
        raise ImportError(
            f"{path} raised {error!r} when a worker process imported it; what it does as a program "
            'belongs below `if __name__ == "__main__":`'
        ) from error


_kept: list[ModuleType] = []  # this program, whose place in sys.modules the parent's took

if __name__ == "__main__":
    main()
