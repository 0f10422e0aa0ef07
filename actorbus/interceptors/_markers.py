"""Markers: what a handler or a message type says about itself, for interceptors to act on."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_origin

T = TypeVar("T")
K = TypeVar("K")

_ATTRIBUTE = "__actorbus_markers__"


class Marker:
    """Subclass it, and put instances on handlers and message types, as a decorator.

    Above a handler, above a message class, or in the annotation of the message's parameter:
    `Annotated[PlaceOrder, Requires("clerk")]`. An interceptor declared for the subclass is called
    for what is marked so, and given the marker by its annotation. A handler's markers come before
    its message type's, and those of a class before its bases'.
    """

    def __call__(self, target: T) -> T:
        """Mark a function or a class, and return it."""
        setattr(target, _ATTRIBUTE, (*vars(target).get(_ATTRIBUTE, ()), self))
        return target


def markers_of(function: Any, annotation: Any) -> tuple[Marker, ...]:
    """Return the markers of a handler, given with the annotation of its message's parameter."""
    annotated = [one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Marker)]
    return (
        *getattr(function, "__dict__", {}).get(_ATTRIBUTE, ()),
        *annotated,
        *class_markers(without_markers(annotation)),
    )


def class_markers(message_type: Any) -> Iterator[Marker]:
    """Return the markers of a class and of its bases."""
    for base in getattr(get_origin(message_type) or message_type, "__mro__", (message_type,)):
        yield from getattr(base, "__dict__", {}).get(_ATTRIBUTE, ())


def without_markers(annotation: Any) -> Any:
    """Return the type under an annotation that is there for its markers."""
    metadata = getattr(annotation, "__metadata__", ())
    return annotation.__origin__ if any(isinstance(one, Marker) for one in metadata) else annotation


def first_marker(kind: type[K], markers: Iterable[Any]) -> K | None:
    """Return the first marker of a kind, None if there is none."""
    return next((marker for marker in markers if isinstance(marker, kind)), None)
