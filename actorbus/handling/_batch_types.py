"""What a handler of batches takes: a list of messages, and a list of their headers."""

import typing
from collections.abc import Iterable, Sequence
from inspect import Parameter
from typing import Any

from actorbus.messages._message import Headers


def element_of(annotation: Any) -> Any:
    """Return T of `list[T]` or `Sequence[T]`; None for anything else."""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in (list, Sequence) and len(arguments) == 1:
        return arguments[0]
    return None


def asks_for_all_headers(annotation: Any) -> bool:
    """Return whether a parameter asks for the headers of a batch's messages."""
    return element_of(annotation) is Headers


def others_than_headers(parameters: Iterable[Parameter]) -> list[Parameter]:
    """Return the parameters without those that ask for the headers of all messages."""
    return [one for one in parameters if not asks_for_all_headers(one.annotation)]
