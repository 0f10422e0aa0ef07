"""Finding APP: `module:bus`, imported with the working directory on the path."""

import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NoReturn

from actorbus import ActorBus
from actorbus.cli._errors import CommandFailed
from actorbus.cli._exit_codes import ExitCode

RUN_MAKES_IT = "`run` and `send` make it; is it the right one?"


def load(app: str) -> ActorBus:
    """Return the bus that APP names. Raises CommandFailed, saying what is there instead.

    `module:name` is a bus, `module:name()` calls a function without arguments that makes one,
    and the name may have dots. Importing runs the module: nothing else is run.
    """
    module_name, expression = _parts(app)
    module = _import(module_name)
    value = _attribute(module, expression.removesuffix("()"))
    if expression.endswith("()"):
        value = _call(value, app)
    if isinstance(value, ActorBus):
        return value
    raise _failed(_not_a_bus(app, value), *_suggestion(module))


def load_with_store(app: str) -> ActorBus:
    """Return the bus that APP names. Raises CommandFailed if its store is not there yet.

    For commands that only look: an empty store made by them would hide a mistyped path.
    """
    bus = load(app)
    missing = bus.missing_store()
    if missing is not None:
        raise _failed(f"no store yet: {missing}", RUN_MAKES_IT, code=ExitCode.STORE)
    return bus


def _parts(app: str) -> tuple[str, str]:
    module, colon, expression = app.partition(":")
    if module.endswith(".py") or "/" in module:
        dotted = module.removesuffix(".py").replace("/", ".")
        raise _failed(
            f"{app!r} names a file; APP names a module: {dotted}:{expression or 'bus'}",
            code=ExitCode.USAGE,
        )
    if not (module and colon and expression):
        raise _failed(
            f"{app!r} is not MODULE:BUS; write for example {module or 'shop'}:bus",
            code=ExitCode.USAGE,
        )
    return module, expression


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise _failed(f"no module {error.name!r} (looked in {here} and on the path)") from error
        _refuse_import(name, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a user's module raises
        _refuse_import(name, error)


def _refuse_import(name: str, error: BaseException) -> NoReturn:
    what = "".join(traceback.format_exception_only(error)).strip()
    raise _failed(f"importing {name!r} failed: {what}", *_places(error.__traceback__)) from error


def _places(trace: TracebackType | None) -> Sequence[str]:
    """Name the innermost line that belongs to neither Python nor an installed package."""
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith("<") and frame.filename != __file__
    ]
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    own = [frame for frame in own if frame.filename != importlib.__file__]
    return [f"at {own[-1].filename}, line {own[-1].lineno}: {own[-1].line}"] if own else []


def _attribute(module: ModuleType, path: str) -> object:
    value: object = module
    for name in path.split("."):
        try:
            value = getattr(value, name)
        except AttributeError as error:
            close = difflib.get_close_matches(name, vars(module), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise _failed(
                f"module {module.__name__!r} has no {path!r}{hint}", *_suggestion(module)
            ) from error
    return value


def _call(value: object, app: str) -> object:
    if not callable(value):
        raise _failed(f"{app!r}: {_described(value)} cannot be called")
    try:
        return value()
    except (Exception, SystemExit) as error:
        what = "".join(traceback.format_exception_only(error)).strip()
        raise _failed(f"calling {app!r} failed: {what}", *_places(error.__traceback__)) from error


def _not_a_bus(app: str, value: object) -> str:
    text = f"{app!r} is {_described(value)}, not an ActorBus"
    if inspect.isroutine(value):
        return f"{text}; if it makes one, write {app}()"
    return text


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    kind = type(value).__qualname__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def _suggestion(module: ModuleType) -> Sequence[str]:
    buses = [name for name, value in vars(module).items() if isinstance(value, ActorBus)]
    if not buses:
        return [f"module {module.__name__!r} has no ActorBus"]
    return [f"buses in it: {', '.join(f'{module.__name__}:{name}' for name in buses)}"]


def _failed(text: str, *details: str, code: ExitCode = ExitCode.APP) -> CommandFailed:
    return CommandFailed(text, code, details)
