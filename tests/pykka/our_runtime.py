"""A pytest plugin for Pykka's suite: our actors are one more of the runtimes it runs with.

Its `conftest.py` makes each test that takes the `runtime` fixture run once per entry of `RUNTIMES`.
With `--our-handlers=async` every method of a test's actor is an `async def`.
"""

import functools
import inspect
import threading
import time

import pykka
import pytest

from actors import Actor, Reply

made_async: set[object] = set()


class AsyncHandlers(Actor):
    """Turns the methods of a test's actor, inherited ones included, into `async def`."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        of_runtime = {*AsyncHandlers.__mro__, pykka.Actor}
        for base in reversed(cls.__mro__):
            if base not in of_runtime:
                _make_async(cls, base)


def _make_async(cls, base):
    for name, value in list(vars(base).items()):
        if inspect.isfunction(value) and not name.startswith("__"):
            setattr(cls, name, _as_coroutine(value))


def _as_coroutine(function):
    if inspect.iscoroutinefunction(function):
        return function
    made_async.add(function)

    @functools.wraps(function)
    async def handler(*args, **kwargs):
        result = function(*args, **kwargs)
        return await result if inspect.iscoroutine(result) else result

    return handler


def pytest_addoption(parser):
    parser.addoption("--our-handlers", choices=["plain", "async"], default="plain")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.line(f"methods made async: {len(made_async)}")


def pytest_configure(config):
    config.pluginmanager.register(MoreRuntimes(config.getoption("--our-handlers")))


class MoreRuntimes:
    """Sees the suite's conftest when it is registered, before pytest looks for fixtures in it."""

    def __init__(self, handlers):
        self.handlers = handlers

    @pytest.hookimpl(tryfirst=True)
    def pytest_plugin_registered(self, plugin):
        if hasattr(plugin, "RUNTIMES"):
            runtimes = [*plugin.RUNTIMES.values(), _our_runtime(plugin.Runtime, self.handlers)]
            plugin.runtime = pytest.fixture(scope="session", params=runtimes, name="runtime")(
                _param
            )


def _param(request):
    return request.param


def _our_runtime(runtime_class, handlers):
    runtime = runtime_class(
        name="ours",
        actor_class=AsyncHandlers if handlers == "async" else Actor,
        event_class=threading.Event,
        future_class=Reply,
        sleep_func=time.sleep,
    )
    return pytest.param(runtime, id="ours")
