"""The consuming side of an ActorBus: workers with limits, for a while, and pauses."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

import trio

from actorbus._calls import Answer, Call, Done
from actorbus._errors import BusConfigurationError, Problem
from actorbus.consuming._limits import Ending, Limits, RunResult, Unfinished
from actorbus.consuming._pauses import Pause
from actorbus.declaring._declaring import Declaring
from actorbus.messages._types import did_you_mean
from actorbus.options._options import Seconds, as_seconds, is_storable

if TYPE_CHECKING:
    from actorbus.configuration._configuration import Configuration
    from actorbus.consuming._worker import Wait
    from actorbus.endpoints._workload import BusCounts
    from actorbus.running._running import BusRun

LONGEST_REASON = 10_000
"""Bytes of the reason of a pause."""
Consume = Literal["all", "none"] | Collection[str]


def _nothing(*_: object) -> None:
    """Do nothing: nobody wants to be told."""


class Consuming(Declaring):
    """Runs a bus as a worker, and pauses its channels."""

    counters: BusCounts
    unfinished: tuple[Unfinished, ...]
    _run: BusRun | None

    @abstractmethod
    def check(self) -> Configuration:
        """Return the checked configuration."""

    @abstractmethod
    def _running(self) -> BusRun: ...
    @abstractmethod
    def _call(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> Answer[Any]: ...
    @abstractmethod
    def _run_here(
        self, consume: Consume, limits: Limits = ..., *, prioritised: bool = ...
    ) -> AbstractAsyncContextManager[Any]: ...
    @abstractmethod
    def _run_in_thread(
        self, consume: Consume, limits: Limits = ..., *, prioritised: bool = ...
    ) -> AbstractContextManager[Any]: ...

    # -- a worker ---------------------------------------------------------------------------

    def run(
        self,
        consume: Consume = "all",
        *,
        limits: Limits | None = None,
        prioritised: bool = False,
    ) -> Answer[RunResult]:
        """Run the bus as a worker until one of the limits, or `stop`, and return how it ended.

        `await` it under trio and asyncio; on a plain thread it is over when it returns, and `get`
        gives the result. The end is in order: the intake stops, what was begun is finished within
        `shutdown_timeout`, the rest is released. If cancelled it ends in the same way. With
        `prioritised` the channels take turns, see `running`. Raises what `running` raises.
        """
        limits = limits or Limits()
        if not runs_a_loop():
            return Done(self._run_blocking(consume, limits, prioritised=prioritised))
        return Call(self._run_async, (consume, limits, prioritised), None)

    async def _run_async(
        self,
        consume: Consume,
        limits: Limits,
        prioritised: bool,  # noqa: FBT001  inside only
    ) -> RunResult:
        return await self.work(consume, limits, prioritised=prioritised)

    async def work(
        self,
        consume: Consume,
        limits: Limits,
        *,
        prioritised: bool = False,
        more: Mapping[Ending, Wait] | None = None,
        started: Callable[[], object] = _nothing,
        over: Callable[[Ending, str], object] = _nothing,
    ) -> RunResult:
        """Run as `run` does, and call back when it has started and when its end begins.

        For programs that wait for something `more`, as the command line does for signals: async
        functions that return when it is there. They run on the trio side.
        """
        async with self._run_here(consume, limits, prioritised=prioritised):
            system = self._running().system
            begun = system.time()
            started()
            ending, reason = await self._call(self._running().until_over, more or {})
            over(ending, reason)
        return self._result(ending, reason, system.time() - begun)

    def _run_blocking(self, consume: Consume, limits: Limits, *, prioritised: bool) -> RunResult:
        with self._run_in_thread(consume, limits, prioritised=prioritised):
            system = self._running().system
            begun = system.time()
            ending, reason = self._call(self._running().until_over, {}).get()
        return self._result(ending, reason, system.time() - begun)

    def _result(self, ending: Ending, reason: str, seconds: float) -> RunResult:
        counts = self.counters
        return RunResult(
            ending,
            reason or ending.value,
            seconds,
            counts.handled,
            counts.retried,
            counts.dead,
            self.unfinished,
        )

    def stop(self, reason: str = "", *, ending: Ending = Ending.STOPPED) -> None:
        """Ask for an orderly end, from any thread, also from a handler. Never blocks.

        The intake stops at once. `run` and `consume_for` return once what was begun is finished;
        the body of `running` hears of it through `stopping`. Of several calls the first counts.
        Raises BusStateError while the bus does not run.
        """
        run = self._running()
        run.system.call_soon(run.ask_to_stop, ending, reason)

    def stopping(self) -> Answer[str]:
        """Wait until somebody called `stop`, and return the reason. Raises BusStateError."""
        return self._call(self._running().wait_until_asked)

    # -- for a while ------------------------------------------------------------------------

    def consume_for(self, seconds: Seconds, channels: Collection[str] | None = None) -> Answer[int]:
        """Handle what is there, for so long at most, and return how many messages were handled.

        For cron, serverless functions and HTTP-triggered workers. It returns as soon as nothing is
        ready and nothing in hand, at once if there was nothing; when the time is over it finishes
        what was begun. Messages that are due later, retries included, are not waited for.

        A bus that does not run is entered for it. One that runs consumes `channels` (all those
        that it does not consume yet) meanwhile; calls beside each other take turns, within their
        time. `await` it under trio and asyncio; on a plain thread it is over when it returns, and
        `get` gives the number. Raises ConfigurationError for a time that is not above 0 and for
        unknown channels, BusStateError if one is consumed already, and what `running` raises.
        """
        limit = as_seconds(seconds) or 0.0
        self._refuse_unknown("bus.consume_for(...)", channels or (), seconds=seconds)
        names = None if channels is None else list(channels)
        if self._run is not None:
            return self._call(self._running().consume_for, limit, names)
        limits = Limits(seconds=limit, idle=True)
        if not runs_a_loop():
            result = self._run_blocking(names or "all", limits, prioritised=False)
            return Done(result.handled)
        return Call(self._handled, (names or "all", limits), None)

    async def _handled(self, consume: Consume, limits: Limits) -> int:
        return (await self.work(consume, limits)).handled

    # -- pauses -----------------------------------------------------------------------------

    def pause(
        self,
        channel: str,
        *,
        endpoint: str = "",
        for_: Seconds | None = None,
        reason: str = "",
    ) -> Answer[None]:
        """Have no process take messages of a channel, or of one endpoint of it. Sending goes on.

        What was begun is finished; what was claimed and not begun goes back. It is a row in the
        store: processes that run see it when they poll, those that start later as well. It ends
        `for_` seconds (or a timedelta) from now, or with `resume`; a second one takes the place of
        the first. Raises ConfigurationError for what nobody declared, BusStateError, StoreError.
        """
        self._refuse_unknown("bus.pause(...)", [channel], endpoint=endpoint, for_=for_)
        if not is_storable(reason, LONGEST_REASON):
            wrong = (
                f"reason={reason!r} is not allowed: give a text of up to {LONGEST_REASON} bytes,"
                " without lone surrogates and NUL"
            )
            raise BusConfigurationError(self.name, [Problem("bus.pause(...)", wrong)])
        run = self._running()
        length = None if for_ is None else as_seconds(for_)

        async def pause() -> None:
            now = run.store.now()
            until = None if length is None else now + length
            what = Pause(channel, endpoint, now, until, reason)
            await (run.store.pause(what) if run.only_looks else run.delivery.pause(what))

        return self._call(pause)

    def resume(self, channel: str, *, endpoint: str = "") -> Answer[bool]:
        """End a pause; False if none of that name holds. Raises as `pause` does."""
        self._refuse_unknown("bus.resume(...)", [channel], endpoint=endpoint)
        run = self._running()
        resume = run.store.resume if run.only_looks else run.delivery.resume
        return self._call(resume, channel, endpoint)

    def pauses(self) -> Answer[list[Pause]]:
        """Return what is paused now, in this process and all others. Raises BusStateError."""
        return self._call(self._running().store.pauses)

    # -- checks -----------------------------------------------------------------------------

    def _refuse_unknown(
        self, where: str, channels: Collection[str], *, endpoint: str = "", **times: Any
    ) -> None:
        """Raise BusConfigurationError for what is not declared, and for times of 0 or less."""
        wrong = [*self._unknown_channels(where, channels), *_wrong_times(where, times)]
        if endpoint and not wrong:
            known = self._endpoint_ids(channels)
            if endpoint not in known:
                hint = did_you_mean(endpoint, known)
                on = ", ".join(map(repr, channels))
                wrong.append(Problem(where, f"no endpoint {endpoint!r} on {on}{hint}"))
        if wrong:
            raise BusConfigurationError(self.name, wrong)

    def _unknown_channels(self, where: str, channels: Collection[str]) -> Iterator[Problem]:
        known = [channel.name for channel, _ in self._declared.channels]
        if isinstance(channels, str):
            yield Problem(where, f"{channels!r} is one text: give a list, [{channels!r}]")
            return
        for name in channels:
            if name not in known:
                yield Problem(where, f"no channel {name!r}{did_you_mean(name, known)}")

    def _endpoint_ids(self, channels: Collection[str]) -> list[str]:
        configuration = self.check()
        specs = (spec for name in channels for spec in configuration.endpoints_of(name))
        return [id_ for spec in specs for id_ in (spec.endpoint_id, *spec.aliases)]


def _wrong_times(where: str, times: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in times.items():
        if value is not None and (as_seconds(value) or 0) <= 0:
            text = f"{name}={value!r} is not allowed: give seconds above 0, or a timedelta"
            yield Problem(where, text)


def wrong_limits(limits: Limits) -> Iterator[Problem]:
    """Say what is wrong with the limits of a run."""
    for text in limits.problems():
        yield Problem("bus.run(limits=...)", text)


def runs_a_loop() -> bool:
    """Whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return trio.lowlevel.in_trio_run()
    return True
