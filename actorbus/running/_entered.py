"""`async with bus.running():`, and the words for who leaves the `async` out."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Never, TypeVar

T = TypeVar("T")


class EnteredAsync(AbstractAsyncContextManager[T]):
    """What `running` returns: it says what to write in place of `with bus.running():`."""

    def __init__(self, entered: AbstractAsyncContextManager[T]) -> None:
        self._entered = entered

    async def __aenter__(self) -> T:
        return await self._entered.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._entered.__aexit__(kind, error, trace)

    def __enter__(self) -> Never:
        raise TypeError(
            "write `async with bus.running():`, or `with bus.running_in_thread():` in a program"
            " without an event loop"
        )

    def __exit__(self, *_: object) -> None:
        """Never called; Python looks for it first."""
