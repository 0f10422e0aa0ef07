"""The side of an ActorBus on which schedules are declared."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Unpack

from actorbus._errors import Problem
from actorbus.declaring._channel import StoreChannel
from actorbus.declaring._handlers import caller, caller_place, enclosing_names, place_of
from actorbus.declaring._part import Part
from actorbus.messages._types import did_you_mean
from actorbus.options._options import HANDLER_OPTIONS
from actorbus.schedules._schedule import CHANNEL, SETTINGS, Scheduled, ScheduleOptions
from actorbus.schedules._tick import SendsMessage

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (HANDLER_OPTIONS | SETTINGS) - {"endpoint_id", "batch", "distributed"}
"""A schedule's endpoint id is its name, it is called for one tick at a time, and by nobody else."""


class Scheduling(Part):
    """Declares schedules."""

    def scheduled(self, **options: Unpack[ScheduleOptions]) -> Callable[[F], F]:
        """Call a function again and again: `@bus.scheduled(cron="0 6 * * *")`, or `every=`.

        Each tick is a message on the store, sent by one of the processes that consume the
        schedule's channel, and handled like any other: it is retried, becomes a dead letter, has
        a transaction. The function's parameters are filled in by their annotations; one that is
        annotated with `Tick` is the tick. What it returns is ignored. Options: `ScheduleOptions`.
        """
        frame = caller()

        def decorate(function: F) -> F:
            enclosing = enclosing_names(function, frame)
            self._add_schedule(function, place_of(function), dict(options), enclosing)
            return function

        return decorate

    def schedule(
        self,
        message: Any,
        /,
        *,
        routing_key: str | None = None,
        **options: Unpack[ScheduleOptions],
    ) -> None:
        """Send a message again and again: `bus.schedule(CloseDay(), name="close", cron=...)`.

        It is a command or an event, and sent at each tick, in the tick's transaction; a function
        of the tick makes another one each time. Plain data needs a routing key, the schedule a
        `name=`. Options: `ScheduleOptions`.
        """
        place = caller_place(caller())
        given: dict[str, Any] = {"name": f"schedule at {place}", **options}
        if "name" not in options:
            self._declared.problems.append(Problem(place, "bus.schedule(...) needs name="))
        self._add_schedule(SendsMessage(message, routing_key), place, given, {})

    def _add_schedule(
        self,
        function: Callable[..., Any],
        place: str,
        options: dict[str, Any],
        enclosing: Mapping[str, Any],
    ) -> None:
        self._refuse_while_running("declare a schedule")
        for name in sorted(options.keys() - _OPTIONS):
            hint = did_you_mean(name, _OPTIONS)
            self._declared.problems.append(
                Problem(place, f"a schedule has no option {name}={hint}")
            )
        settings = {name: options[name] for name in SETTINGS & options.keys()}
        handler = {name: options[name] for name in (_OPTIONS - SETTINGS) & options.keys()}
        handler.setdefault("channel", CHANNEL)
        if "name" in settings:
            handler["endpoint_id"] = settings["name"]
        if handler["channel"] == CHANNEL:
            self._add_own_channel(place)
        handlers = self._declared.handlers
        handlers.append(
            Scheduled("event", function, None, handler, len(handlers), enclosing, settings, place)
        )

    def _add_own_channel(self, place: str) -> None:
        """Declare the channel of schedules that name none, unless the program did or will."""
        if all(channel.name != CHANNEL for channel, _ in self._declared.channels):
            self._declared.own_channels.append(CHANNEL)
            self._declared.channels.append((StoreChannel(CHANNEL), place))

    def _take_own_channel_back(self, name: str) -> None:
        """Let a channel that the program declares be the one that was made without it."""
        if name in self._declared.own_channels:
            self._declared.own_channels.remove(name)
            self._declared.channels = [
                pair for pair in self._declared.channels if pair[0].name != name
            ]
