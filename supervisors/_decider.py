"""Deciders: from an exception to a directive.

Rules: (1) a mapping is searched along the exception's MRO, the nearest class wins;
       (2) what the child's decider leaves open goes to the strategy's, and then to the default;
       (3) a group of exceptions is judged by its leaves, and the severest directive wins.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ._checks import Checks
from ._directive import Directive
from ._errors import ConfigurationError

ExceptionTypes = Mapping[type[Any], Directive]
"""Directives by exception type. (``type[Any]``: a mapping's key type allows no subtype of it.)"""

DecideFunction = Callable[[BaseException], Directive | None]

_CATCH_ALL = (Exception, BaseException)


def default_decider(exception: BaseException) -> Directive:
    """Return Restart for an Exception and Stop for any other BaseException.

    An asyncio ``CancelledError`` is a failure like any Exception: a cancellation that the runtime
    asked for never gets here. It is known by its name, because nothing here imports asyncio.
    """
    return Directive.Restart if _is_failure(exception) else Directive.Stop


def decide(
    exception: BaseException, *deciders: "Decider | ExceptionTypes | DecideFunction | None"
) -> Directive:
    """Return the directive for ``exception``; the first decider that has a word on it decides.

    ``default_decider`` has the last word. Groups are judged by their leaves, the severest wins.
    What a decider function raises passes through, and so does the ConfigurationError for one that
    returns something other than a Directive or None.
    """
    chain = [made for made in map(Decider.of, deciders) if made is not None]
    directives = (_decide_leaf(leaf, chain) for leaf in leaves(exception))
    return max(directives, key=lambda directive: directive.severity)


def leaves(exception: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions inside nested groups, or the exception itself, left to right."""
    waiting = [exception]
    while waiting:
        current = waiting.pop()
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(reversed(current.exceptions))
        else:
            yield current


@dataclass(frozen=True, slots=True, init=False)
class Decider:
    """A checked mapping of exception types, or a function, as strategies and specs keep it.

    Raises ConfigurationError for keys that are no exception types, for values that are no
    directives, and for group types, whose entry would never be looked up.
    """

    types: ExceptionTypes = field(hash=False)
    function: DecideFunction | None

    def __init__(self, rules: ExceptionTypes | DecideFunction) -> None:
        checks = Checks("decider")
        mapping = rules if isinstance(rules, Mapping) else {}
        _check_types(checks, mapping)
        if not isinstance(rules, Mapping) and not callable(rules):
            checks.refuse(f"{rules!r} is not allowed: give a mapping or a function of an exception")
        checks.finish()
        object.__setattr__(self, "types", MappingProxyType(dict(mapping)))
        object.__setattr__(self, "function", None if isinstance(rules, Mapping) else rules)

    @staticmethod
    def of(rules: "Decider | ExceptionTypes | DecideFunction | None") -> "Decider | None":
        """Return ``rules`` as a Decider; None stays None, meaning no word on anything."""
        return rules if rules is None or isinstance(rules, Decider) else Decider(rules)

    def directive(self, exception: BaseException) -> Directive | None:
        """Return the word on this one exception, or None when it is left to the next decider."""
        if self.function is not None:
            return _checked(self.function(exception), self.function)
        found = (self.types[cls] for cls in type(exception).__mro__ if cls in self.types)
        return next(found, None)

    def names(self, exception: BaseException) -> bool:
        """Whether the mapping names a class of the exception, or of a leaf of it, explicitly.

        A failed ``ask`` is its asker's affair unless this holds. Entries for ``Exception`` and
        ``BaseException`` name nothing in particular, and neither does a function.
        """
        return any(self._names_leaf(leaf) for leaf in leaves(exception))

    def _names_leaf(self, exception: BaseException) -> bool:
        named = (cls for cls in type(exception).__mro__ if cls in self.types)
        return any(cls not in _CATCH_ALL for cls in named)


def fails_on_ask(
    exception: BaseException, *deciders: "Decider | ExceptionTypes | DecideFunction | None"
) -> bool:
    """Whether an exception that an ``ask`` was answered with is the actor's failure as well.

    It is when a mapping names its type, and always for what is no Exception, an asyncio
    ``CancelledError`` excepted (see ``default_decider``).
    """
    if not all(map(_is_failure, leaves(exception))):
        return True
    made = map(Decider.of, deciders)
    return any(decider is not None and decider.names(exception) for decider in made)


def _decide_leaf(exception: BaseException, chain: list[Decider]) -> Directive:
    for decider in chain:
        directive = decider.directive(exception)
        if directive is not None:
            return directive
    return default_decider(exception)


def _checked(answer: object, function: DecideFunction) -> Directive | None:
    if answer is None or isinstance(answer, Directive):
        return answer
    problem = f"{function!r} returned {answer!r}: return a Directive, or None to leave it open"
    raise ConfigurationError("decider", problem)


def _check_types(checks: Checks, mapping: Mapping[Any, object]) -> None:
    for key, directive in mapping.items():
        if not (isinstance(key, type) and issubclass(key, BaseException)):
            checks.refuse(f"the key {key!r} is not allowed: give an exception type")
        elif issubclass(key, BaseExceptionGroup):
            checks.refuse(
                f"{key.__name__} would never be looked up, because a group is judged by its"
                " leaves; name the types of the leaves"
            )
        if not isinstance(directive, Directive):
            known = ", ".join(str(one) for one in Directive)
            checks.refuse(f"the value {directive!r} is not allowed: give one of {known}")


def _is_failure(exception: BaseException) -> bool:
    return isinstance(exception, Exception) or _is_asyncio_cancelled(type(exception))


def _is_asyncio_cancelled(cls: type[BaseException]) -> bool:
    names = {(base.__module__, base.__qualname__) for base in cls.__mro__}
    return ("asyncio.exceptions", "CancelledError") in names
