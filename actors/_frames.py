"""Which frames of a stack are the runtime's, and which are a user's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import trio


def folder_of(file: str | None) -> str:
    """Return what the file names of the code beside this file begin with."""
    return f"{Path(str(file)).parent}{os.sep}"


RUNTIME: Final = (folder_of(__file__), folder_of(trio.__file__))
"""Folders of code that stands above a handler in every stack."""


def users_part(stack: Sequence[FrameType], runtime: tuple[str, ...]) -> Sequence[FrameType]:
    """Return a stack, outermost first, from the first frame on that is not the runtime's."""
    for place, frame in enumerate(stack):
        if not frame.f_code.co_filename.startswith(runtime):
            return stack[place:]
    return stack
