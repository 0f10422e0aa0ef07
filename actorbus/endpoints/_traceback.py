"""The text of a traceback, quickly: a handler that fails always fails in the same lines.

The standard formatter looks at each source file's date for every frame of every error, about
100 us an attempt, which the neighbours of a failing endpoint would pay for.
"""

from collections.abc import Iterator
from traceback import format_exception_only, format_tb
from types import CodeType, TracebackType
from typing import Final

from actorbus._own_frames import formatted, users_part

_MOST_FRAMES: Final = 2048
_HEADING: Final = "Traceback (most recent call last):\n"

_frames: dict[tuple[CodeType, int], str] = {}


def traceback_text(error: BaseException) -> str:
    """Return what `traceback.format_exception` says; the frames' texts are remembered.

    It begins at the handler, without our own frames above that; all are shown if there is no other.
    Source that changes while the program runs is shown as it was. An error with a cause, a context
    or parts, or out of a recursion, goes the standard way.
    """
    traces = list(_traces(users_part(error.__traceback__)))
    keys = {(trace.tb_frame.f_code, trace.tb_lasti) for trace in traces}
    if _has_company(error) or len(keys) < len(traces) or not traces:
        return formatted(error)
    return "".join((_HEADING, *map(_frame, traces), *format_exception_only(error)))


def described(error: BaseException | None) -> str:
    """Return `repr(error)`. Making it is the handler's own code, which may fail too."""
    try:
        return repr(error)
    except Exception as failed:  # noqa: BLE001  told in the place of the text
        return f"{type(error).__qualname__} (its text cannot be made: {type(failed).__qualname__})"


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _has_company(error: BaseException) -> bool:
    hidden = error.__suppress_context__ or error.__context__ is None
    return error.__cause__ is not None or not hidden or isinstance(error, BaseExceptionGroup)


def _frame(trace: TracebackType) -> str:
    key = (trace.tb_frame.f_code, trace.tb_lasti)
    text = _frames.get(key)
    if text is None:
        if len(_frames) >= _MOST_FRAMES:
            _frames.clear()
        text = _frames[key] = "".join(format_tb(trace, limit=1))
    return text
