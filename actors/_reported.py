"""Failures that somebody has told of in better words: the log has no traceback of them as well.

They are failures like any other: published, counted, and answered by a restart.
"""

from typing import Final

_MARK: Final = "__actors_reported__"


def mark_reported(error: BaseException) -> None:
    """Note that the failure was told of, so that it is not logged again."""
    setattr(error, _MARK, True)


def is_reported(error: BaseException) -> bool:
    """Whether somebody has told of the failure."""
    return getattr(error, _MARK, False)
