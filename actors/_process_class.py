"""Checks of the classes that are declared with `runs_on="process"`."""

from __future__ import annotations

import inspect
from typing import Any

import pykka

from actors._process_call import process_problem, shape_problem
from supervisors import ConfigurationError


def refuse_class(cls: type[Any]) -> None:
    """Check `on_receive` when the class is made: its module may not be complete yet.

    Raises:
        ConfigurationError: it is no static method, or its function cannot be found by its name

    """
    handler = inspect.getattr_static(cls, "on_receive")
    if handler is inspect.getattr_static(pykka.Actor, "on_receive"):
        return  # it is called through proxies alone
    if not isinstance(handler, staticmethod):
        raise ConfigurationError(
            cls.__name__,
            "runs_on='process' needs an on_receive without self, for the instance stays here: "
            "on_receive = staticmethod(a_function_of_a_module)",
        )
    problem = shape_problem(handler.__func__)
    if problem is not None:
        raise ConfigurationError(cls.__name__, f"runs_on='process': {problem}")


def refuse_function(actor: Any) -> None:
    """Check when it is spawned that another process will find `on_receive`.

    Raises:
        ConfigurationError: it will not

    """
    handler = inspect.getattr_static(type(actor), "on_receive")
    if isinstance(handler, staticmethod):
        problem = process_problem(handler.__func__)
        if problem is not None:
            raise ConfigurationError(type(actor).__name__, f"runs_on='process': {problem}")
