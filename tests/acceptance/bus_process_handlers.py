"""A handler that runs in another process: it has to be found there, by its module."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unpicklable:
    pass


def answer_what_cannot_leave(event: Unpicklable) -> object:
    return lambda: event
