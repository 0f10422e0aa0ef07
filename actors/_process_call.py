"""What goes to a worker process and comes back: functions by their names, values as pickles.

This and `_process_worker` are where this project pickles, and both ends are the same program.
"""

from __future__ import annotations

import functools
import inspect
import io
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MethodType
from typing import Any, Final

from actors._errors import NotPicklable, RemoteTraceback, WorkerDied
from actors._process_worker import LENGTH, MAIN, RAISED, RETURNED

LARGE: Final = 1 << 20
"""Bytes of an answer from which on unpickling it is left to a thread."""


# -- which functions -----------------------------------------------------------------------------


def process_problem(function: Any) -> str | None:
    """Return why a function cannot run in another process, or None if it can.

    It can if it is plain, takes no `self`, and another process finds it under its module and name.
    """
    return shape_problem(function) or _lookup_problem(function)


def shape_problem(function: Any) -> str | None:
    """Return what is wrong with it whether or not its module has been imported to the end."""
    name = label_of(function)
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not callable(function) or not isinstance(module, str) or not qualname:
        return f"{name} is no function with a name by which another process could find it"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return f"{name} is async; what runs in another process is a plain function"
    if isinstance(function, MethodType):
        return f"{name} is a method, and an instance stays here; give a function without self"
    if "<lambda>" in qualname:
        return f"{name} is a lambda, which another process cannot find; define it in a module"
    if "<locals>" in qualname:
        return f"{name} is defined in a function, where another process cannot find it"
    if module == "__main__" and main_module() is None:
        return f"{name} is of a __main__ without a file, which another process cannot import"
    return None


def _lookup_problem(function: Any) -> str | None:
    module = sys.modules.get(function.__module__)
    try:
        found = functools.reduce(getattr, function.__qualname__.split("."), module)
    except AttributeError:
        found = None
    if found is function:
        return None
    name = label_of(function)
    return f"{name} is not what another process finds under that name, but {found!r}"


def label_of(function: Any) -> str:
    """Return what a function is called in messages: its module and name."""
    name = getattr(function, "__qualname__", None)
    return repr(function) if name is None else f"{function.__module__}.{name}"


def main_module() -> dict[str, str] | None:
    """Return the name and the file of the program that runs, or None if it has no file."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    spec = getattr(main, "__spec__", None)
    return {"name": "" if spec is None else spec.name, "path": str(Path(file).absolute())}


# -- a call --------------------------------------------------------------------------------------


class ProcessCall:
    """One call, pickled where it is made. `who` it is for is named in errors."""

    __slots__ = ("frame", "label", "who")

    def __init__(
        self,
        who: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Pickle it.

        Raises:
            TypeError: the function cannot run in another process
            NotPicklable: an argument

        """
        while isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        problem = process_problem(function)
        if problem is not None:
            raise TypeError(problem)
        self.who = who
        self.label = label_of(function)
        try:
            payload = pickle.dumps((function, args, dict(kwargs)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise _refusal(self.label, function, args, kwargs, error) from error
        self.frame = LENGTH.pack(len(payload)) + payload

    def open(self, kind: bytes, body: bytes) -> Any:
        """Return what the function returned, or raise what it raised."""
        if kind == RETURNED:
            return self._load(body, "what it returned")
        first, text = self._load(body, "its answer")
        if kind == RAISED:
            raise self._raised(self._load(first, "what it raised")) from RemoteTraceback(text)
        raise NotPicklable(f"{self.label}: {first}") from RemoteTraceback(text)

    def _raised(self, error: BaseException) -> BaseException:
        """Return what its caller gets: an exit there is no order to end the process here."""
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            return WorkerDied(f"{self.label} raised {error!r}", exit_code=code)
        if isinstance(error, KeyboardInterrupt):
            return WorkerDied(f"{self.label} raised {error!r}", signal="SIGINT")
        return error

    def _load(self, body: bytes, what: str) -> Any:
        try:
            return _Answers(io.BytesIO(body)).load()
        except Exception as error:
            text = f"{self.label}: {what} cannot be unpickled: {error!r}"
            raise NotPicklable(text) from error


class _Answers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a class by its name; the worker has another one for our `__main__`."""
        return super().find_class("__main__" if module.rpartition(".")[2] == MAIN else module, name)


def _refusal(
    label: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    error: Exception,
) -> NotPicklable:
    """Return the error that names the argument which cannot be pickled."""
    for name, value in _named_arguments(function, args, kwargs).items():
        try:
            pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception as why:  # noqa: BLE001  # it is told
            kind = type(value).__qualname__
            return NotPicklable(f"{label}: the argument {name} ({kind}) cannot be pickled: {why!r}")
    return NotPicklable(f"{label}: the arguments cannot be pickled: {error!r}")


def _named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        return inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # it does not take these, or has no signature to be seen
        return {**{str(number): value for number, value in enumerate(args, 1)}, **kwargs}
