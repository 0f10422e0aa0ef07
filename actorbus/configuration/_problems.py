"""What is wrong with a configuration, collected: all of it is told at once."""

from collections.abc import Iterable

from actorbus._errors import Problem


class Problems(list[Problem]):
    """The problems found so far, each with the place of what is wrong."""

    def add(self, where: str, text: str) -> None:
        """Note one."""
        self.append(Problem(where, text))

    def add_all(self, where: str, faults: Iterable[str], prefix: str = "") -> None:
        """Note several of one place."""
        self.extend(Problem(where, f"{prefix}{fault}") for fault in faults)

    def collecting(self, where: str) -> "_Collecting":
        """Return a context manager that turns a ValueError raised inside into a problem."""
        return _Collecting(self, where)


class _Collecting:
    def __init__(self, problems: Problems, where: str) -> None:
        self._problems = problems
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, ValueError):
            self._problems.add(self._where, str(error))
            return True
        return False
