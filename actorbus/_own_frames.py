"""Tracebacks from the handler on: the frames of our own above it tell its author nothing."""

import os
from pathlib import Path
from traceback import TracebackException
from types import TracebackType
from typing import Final

import outcome
import pykka
import trio

import actors
import supervisors


def _folder_of(file: str | None) -> str:
    return f"{Path(str(file)).parent}{os.sep}"


RUNTIME: Final = (
    _folder_of(__file__),
    *(_folder_of(one.__file__) for one in (actors, supervisors, trio, outcome, pykka)),
)
"""Folders of code that stands above a handler in every stack."""


def users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first frame on that is not ours; all of it if there is none."""
    first = trace
    while first is not None:
        if not first.tb_frame.f_code.co_filename.startswith(RUNTIME):
            return first
        first = first.tb_next
    return trace


def formatted(error: BaseException) -> str:
    """Return what `traceback.format_exception` says, each part from the first frame of a user's."""
    found = TracebackException.from_exception(error, compact=True)
    _shorten(found)
    return "".join(found.format())


def _shorten(found: TracebackException) -> None:
    parts = [found]
    while parts:
        part = parts.pop()
        frames = part.stack
        theirs = (n for n, frame in enumerate(frames) if not frame.filename.startswith(RUNTIME))
        del frames[: next(theirs, 0)]
        company = (part.__cause__, part.__context__, *(part.exceptions or ()))
        parts += [one for one in company if one is not None]
