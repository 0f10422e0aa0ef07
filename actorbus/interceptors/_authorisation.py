"""Ask before a handler is called, or a message is sent."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from actorbus._errors import PermanentError
from actorbus.interceptors._passage import Passage

Allowed = Callable[[Any], bool | Awaitable[bool]]


class NotAuthorised(PermanentError):
    """Authorisation said no. A stored message becomes a dead letter, without retries."""


class Authorisation:
    """Asks a function of yours: `bus.intercept(Authorisation(allowed), Requires)`.

    It is given the `Invocation`, or with a gateway's class among the targets the `Sending`, and
    returns whether to go on; `invocation.marker(Requires)` is what the handler requires. It may
    be `async def`. Without a yes NotAuthorised is raised, and the handler is not called.
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed

    async def before(self, passage: Passage) -> None:
        """Raise NotAuthorised unless the function says yes."""
        verdict = self._allowed(passage)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if verdict is not True:
            raise NotAuthorised(f"{passage.type_name}: not allowed")
