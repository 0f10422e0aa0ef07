"""A message on its way, as interceptors see it: `Sending` at a gateway, `Invocation` at a handler.

Rules:
 1. All `before`s run, then the `around`s, each inside the one before, then the handler (or the
    send), then the `after`s. Within a stage a lower `order` comes first, then the one declared
    first.
 2. `answer` in a `before` takes the place of the further `before`s, the `around`s and the handler.
 3. `skip` takes the place of everything that would follow, the `after`s included.
 4. An `around` that returns a value without `proceed` answers; one that returns None has
    forgotten something (`NotProceeded`), unless it said `skip` or `answer`.
 5. An exception passes through the `around`s, and no `after` is called.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from actorbus._errors import NotProceeded
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.interceptors._markers import first_marker
from actorbus.messages._message import Headers
from actorbus.options._options import SendOptions, checked_headers
from actorbus.transactions._unit_of_work import UnitOfWork

K = TypeVar("K")

if TYPE_CHECKING:  # defaults, which `Invocation` alone means, come to `typing` with Python 3.13
    import typing_extensions

    from actorbus.interceptors._chain import Chain, HandlerChain, SendingChain

    M = typing_extensions.TypeVar("M", default=Any)
    R = typing_extensions.TypeVar("R", default=Any)
else:
    M = TypeVar("M")
    R = TypeVar("R")


class Passage(ABC, Generic[M, R]):
    """What `Invocation` and `Sending` have in common.

    `message` may be replaced. `result` is what the handler returned, for an `after` to look at or
    replace.
    """

    __slots__ = ("_position", "_reached", "_stopped", "message", "result")

    if not TYPE_CHECKING:

        def __class_getitem__(cls, arguments: Any) -> Any:
            """Let `Sending[OrderPlaced]` do: what is not given is Any."""
            given = arguments if isinstance(arguments, tuple) else (arguments,)
            return super().__class_getitem__((*given, Any)[:2])

    _chain: "Chain"

    def __init__(self, message: M) -> None:
        self._position = 0
        self._reached = 0
        self._stopped: Literal["", "answered", "skipped"] = ""
        self.message = message
        self.result: R = cast("R", None)

    def skip(self) -> None:
        """Let nothing that would follow run; the result is None, and nothing has failed."""
        self._stopped = "skipped"
        self.result = cast("R", None)

    def answer(self, result: R) -> None:
        """Give the result: neither the handler nor what would come before it is called."""
        self._stopped = self._stopped or "answered"
        self.result = result

    def proceed(self) -> Awaitable[R]:
        """Go on, from an `around`: await it for the result.

        It may be called again once it is over, also after an error: what follows then runs again,
        in the same transaction.
        """
        worlds = self._chain.worlds
        if threading.get_ident() == worlds.home:
            return self.advance()
        return worlds.call(None, self.advance)

    def marker(self, kind: type[K]) -> K | None:
        """Return the first marker of this kind on the handler or the message type, if any."""
        return first_marker(kind, self._chain.markers)

    async def advance(self) -> Any:
        """Run the next `around`, or what all of them are around."""
        position, arounds = self._position, self._chain.arounds
        if position == len(arounds):
            self._reached = position + 1
            return await self._finally()
        self._position = self._reached = position + 1
        try:
            result = await arounds[position](self)
        finally:
            self._position = position
        if result is None and self._reached == position + 1 and not self._stopped:
            name = self._chain.around_names[position]
            raise NotProceeded(f"{name} returned without proceed(), skip() or answer(...)")
        return result

    @abstractmethod
    async def _finally(self) -> Any:
        """Do what all of this is around."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """The kind of message: "command", "event" or "query"."""

    @property
    @abstractmethod
    def type_name(self) -> str:
        """The name that the message is sent under."""

    @property
    def stopped(self) -> bool:
        """Whether `skip` or `answer` was called."""
        return self._stopped != ""

    @property
    def skipped(self) -> bool:
        """Whether `skip` was called."""
        return self._stopped == "skipped"


class Invocation(Passage[M, R]):
    """A handler about to be called with its message, in its transaction.

    `headers` are the message's; `set_header` changes them.
    """

    __slots__ = ("_chain", "headers", "unit_of_work")

    _chain: "HandlerChain"

    def __init__(
        self, chain: "HandlerChain", message: M, headers: Headers, unit_of_work: UnitOfWork
    ) -> None:
        super().__init__(message)
        self._chain = chain
        self.headers = headers
        self.unit_of_work = unit_of_work

    @property
    def handler(self) -> HandlerSpec:
        """The handler, as it was declared."""
        return self._chain.handler

    @property
    def kind(self) -> Kind:
        """The kind of message: "command", "event" or "query"."""
        return self._chain.handler.kind

    @property
    def type_name(self) -> str:
        """The name that the message was sent under."""
        return self.headers.type_name

    def set_header(self, name: str, value: str) -> None:
        """Set a header, also for what the handler sends. Raises InvalidHeader."""
        self.set_headers({**self.headers.user, name: value})

    def set_headers(self, headers: Mapping[str, str]) -> None:
        """Replace all headers of the user's. Raises InvalidHeader."""
        self.headers = self.headers.with_user(checked_headers(headers))
        self.unit_of_work.headers = self.headers

    async def _finally(self) -> Any:
        return await self._chain.call(self.message, self.headers, self.unit_of_work)


class Sending(Passage[M, R]):
    """A message about to be sent through a gateway.

    `gateway` is the gateway's class. `options` are those of `SendOptions`, and may be changed.
    The result is what the gateway returns: the handler's, or a receipt.
    """

    __slots__ = ("_chain", "_send", "options")

    _chain: "SendingChain"

    def __init__(
        self,
        chain: "SendingChain",
        message: M,
        options: SendOptions,
        send: Callable[[Any, SendOptions], Awaitable[Any]],
    ) -> None:
        super().__init__(message)
        self._chain = chain
        self._send = send
        self.options = options.copy()

    @property
    def kind(self) -> Kind:
        """The kind of message: "command", "event" or "query"."""
        return self._chain.way.kind

    @property
    def gateway(self) -> type:
        """The class of the gateway."""
        return self._chain.way.gateway

    @property
    def type_name(self) -> str:
        """The name that the message is sent under."""
        return self._chain.type_name

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that were given for this message; those it inherits are added later."""
        return self.options.get("headers", {})

    def set_header(self, name: str, value: str) -> None:
        """Set a header of the message. Raises InvalidHeader."""
        self.set_headers({**checked_headers(self.headers), name: value})

    def set_headers(self, headers: Mapping[str, str]) -> None:
        """Replace all headers that were given. Raises InvalidHeader."""
        self.options["headers"] = checked_headers(headers)

    @property
    def is_wrapped(self) -> bool:
        """Whether anything is called around or after the send, and not only before it."""
        return bool(self._chain.arounds or self._chain.afters)

    async def run(self) -> Any:
        """Send it through all of its interceptors."""
        return await self._chain.run(self)

    async def begin(self) -> None:
        """Call what comes before the send."""
        await self._chain.begin(self)

    async def _finally(self) -> Any:
        return await self._send(self.message, self.options)
