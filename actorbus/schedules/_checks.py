"""Start-up checks of schedules: one that could not tick is refused, with the reason."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from inspect import Parameter
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from actorbus._errors import MessageRefused
from actorbus.codecs import Codecs, NotConvertible
from actorbus.configuration._problems import Problems
from actorbus.declaring._channel import Channel, DynamicChannel
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec, Kind
from actorbus.declaring._routed_channel import RoutedChannel, Routing
from actorbus.declaring._tenant_rules import found_by
from actorbus.messages._message import MSGPACK
from actorbus.messages._types import TypeRegistry, did_you_mean
from actorbus.options._options import Checked, as_seconds, checked_headers
from actorbus.schedules._schedule import GRACE, MISSED_LIMIT, Schedule, Scheduled
from actorbus.schedules._tick import TICK, SendsMessage, Tick, WithTick
from actorbus.schedules._timetable import Cron, Every, Timetable, ever_ticks
from actorbus.sending._placing import Places
from actorbus.sending._routing import handlers_of, kinds_of

LONGEST_NAME = 150
"""Characters: the name is a part of the ticks' message ids."""

_LEAST_INTERVAL = 0.001
_FIELDS = 5
_RANDOM = re.compile(r"\b[HR]\b", re.IGNORECASE)
_POLICIES = ("all", "last", "none")


def register_tick(declared: Declared, types: TypeRegistry) -> None:
    """Give ticks their name, if there are any."""
    if any(isinstance(one, Scheduled) for one in declared.handlers):
        types.register(Tick, TICK)


def checked_schedules(
    declared: Declared,
    handlers: Sequence[HandlerSpec],
    types: TypeRegistry,
    codecs: Codecs,
    problems: Problems,
) -> tuple[tuple[Schedule, ...], Sequence[HandlerSpec]]:
    """Return the schedules, and all handlers: those of schedules take a tick now."""
    declarations = {one.order: one for one in declared.handlers if isinstance(one, Scheduled)}
    if not declarations:
        return (), handlers
    kinds = Kinds(types, handlers)
    channels = {channel.name: channel for channel, _ in declared.channels}
    routings = {routing.name: routing for routing, _ in declared.routings}
    found: dict[int, Schedule | None] = {}
    for order, declaration in declarations.items():
        faults = _Faults(declaration, kinds, codecs)
        found[order] = faults.schedule(channels, routings)
        problems.add_all(declaration.where, faults.problems)
    specs = list(handlers)
    for place, spec in enumerate(specs):
        if spec.order in declarations:
            specs[place] = _taking_tick(spec, declarations[spec.order], kinds, problems)
    ids = {spec.order: spec.endpoint_id for spec in specs}
    schedules = tuple(
        replace(schedule, name=ids[order])
        for order, schedule in found.items()
        if schedule is not None and order in ids
    )
    return schedules, specs


def _taking_tick(
    spec: HandlerSpec, declaration: Scheduled, kinds: "Kinds", problems: Problems
) -> HandlerSpec:
    """Return the spec of a handler that is called with the tick where it asks for it."""
    parameters, function = declaration.tick_parameters(), declaration.function
    for one in parameters:
        if one.kind is Parameter.POSITIONAL_ONLY:
            text = f"parameter {one.name!r} is positional only; the tick is passed by name"
            problems.add(spec.where, text)
    if len(spec.endpoint_id) > LONGEST_NAME:
        text = f"its name, {spec.endpoint_id!r}, has more than {LONGEST_NAME} characters"
        problems.add(spec.where, f"{text}; give name=")
    if isinstance(function, SendsMessage):
        function = replace(function, kind_of=kinds)
    return replace(spec, function=WithTick(function, tuple(one.name for one in parameters)))


@dataclass(frozen=True, slots=True)
class Kinds:
    """Tells whether a message is a command or an event. Raises UnknownMessageType."""

    types: TypeRegistry
    handlers: Sequence[HandlerSpec]

    def __call__(self, message: Any, routing_key: str | None) -> Kind:
        """Return the kind of a message, or of the plain data that a routing key names."""
        kinds = kinds_of(self.handlers)
        if routing_key is None:
            return kinds.get(self.types.name_of(type(message)), "event")
        name = self.types.resolve(routing_key)
        if not handlers_of(name, None, self.handlers, kinds):
            self.types.require(name)
        return kinds.get(name, "event")


class _Faults:
    """Reads what was said of one schedule, collecting what is wrong with it."""

    def __init__(self, declaration: Scheduled, kinds: Kinds, codecs: Codecs) -> None:
        self._declaration = declaration
        self._settings = declaration.settings
        self._kinds = kinds
        self._codecs = codecs
        self._checked = Checked(self._settings)
        self.problems: list[str] = []

    def schedule(
        self, channels: Mapping[str, Channel], routings: Mapping[str, Routing]
    ) -> Schedule | None:
        """Return the schedule, if nothing is wrong with it."""
        settings, checked = self._settings, self._checked
        jitter = checked.seconds("jitter", above_zero=False) or 0.0
        grace = checked.seconds("grace", above_zero=False)
        missed = checked.choice("missed", _POLICIES) or "last"
        limit = checked.whole("missed_limit", at_least=1)
        headers = self._headers()
        timetable = self._timetable(jitter)
        self.problems += [*checked.problems, *self._contradictions(missed), *self._name_faults()]
        self.problems += self._message_faults()
        channel = self._declaration.options["channel"]
        if not isinstance(channel, str):  # refused with the handler's other options
            return None
        if channel in channels:
            self.problems += self._tenant_faults(channels[channel], headers)
        if channel in routings:
            self.problems += self._route_faults(routings[channel], headers)
        if self.problems or timetable is None:
            return None
        return Schedule(
            name=str(settings.get("name", "")),
            timetable=timetable,
            channel=channel,
            zone=timetable.zone if isinstance(timetable, Cron) else "UTC",
            missed=missed,  # type: ignore[arg-type]  # `choice` returns one of the three
            missed_limit=limit or MISSED_LIMIT,
            grace=GRACE if grace is None else grace,
            jitter=jitter,
            headers=headers,
            where=self._declaration.where,
            targets=frozenset(routings[channel].channels if channel in routings else (channel,)),
        )

    # -- when it ticks ----------------------------------------------------------------------

    def _timetable(self, jitter: float) -> Timetable | None:
        settings = self._settings
        if ("cron" in settings) == ("every" in settings):
            both = "cron= and every= contradict each other; drop one"
            neither = "a schedule needs cron= or every=, such as cron='0 6 * * *'"
            self.problems.append(both if "cron" in settings else neither)
            return None
        start = self._start()
        if "cron" in settings:
            line, zone = self._line(settings["cron"]), self._zone()
            return None if line is None or zone is None else Cron(line, zone, start)
        return self._every(settings["every"], start, jitter)

    def _start(self) -> float | None:
        start = self._settings.get("start")
        if start is None:
            return None
        if isinstance(start, datetime) and start.tzinfo is not None:
            return start.timestamp()
        self._refuse("start", "a datetime with a time zone")
        return None

    def _line(self, given: object) -> str | None:
        """Return a cron line with single spaces, if there is a time that it means."""
        line = " ".join(given.split()) if isinstance(given, str) else ""
        if not line.startswith("@") and len(line.split()) != _FIELDS:
            self._refuse("cron", "five fields (minute, hour, day, month, weekday)")
        elif _RANDOM.search(line):
            self._refuse("cron", "times: R and H would mean another time in each process")
        else:
            try:
                if ever_ticks(line):
                    return line
            except ValueError as error:
                self.problems.append(f"cron={given!r} cannot be read: {error}")
            else:
                self.problems.append(f"cron={given!r} never ticks: there is no such day")
        return None

    def _zone(self) -> str | None:
        zone = self._settings.get("timezone", "UTC")
        name = zone.key if isinstance(zone, ZoneInfo) else zone
        try:
            if isinstance(name, str):
                return ZoneInfo(name).key
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            known = available_timezones()
            hint = did_you_mean(name, known) if known else "; `pip install tzdata` brings them"
            self.problems.append(f"timezone={zone!r} is not known{hint}")
            return None
        self._refuse("timezone", "the name of a time zone, such as 'Europe/Berlin'")
        return None

    def _every(self, given: object, start: float | None, jitter: float) -> Every | None:
        seconds = as_seconds(given)
        if seconds is None or seconds < _LEAST_INTERVAL:
            self._refuse("every", f"a timedelta or seconds, at least {_LEAST_INTERVAL:g}")
            return None
        if jitter >= seconds:
            self.problems.append(f"jitter={jitter:g} is not less than every={seconds:g}")
        return Every(round(seconds * 1_000_000), start)

    # -- the rest ---------------------------------------------------------------------------

    def _contradictions(self, missed: str) -> Iterator[str]:
        settings = self._settings
        if "timezone" in settings and "every" in settings:
            yield "timezone= is for cron=: every= counts seconds, in all time zones alike"
        if "missed_limit" in settings and missed != "all":
            yield f"missed_limit= is for missed='all', not for missed={missed!r}"
        if "grace" in settings and missed != "none":
            yield f"grace= is for missed='none', not for missed={missed!r}"

    def _name_faults(self) -> Iterator[str]:
        name = self._settings.get("name")
        if isinstance(name, str) and not name.isprintable():
            yield f"name={name!r} is not a printable text"

    def _message_faults(self) -> Iterator[str]:
        """Say why a message could not be sent. One that a function makes is looked at then."""
        function = self._declaration.function
        if not isinstance(function, SendsMessage):
            return
        message = function.message
        if isinstance(message, type):
            yield f"{message.__qualname__} is a class, not a message: make one of it"
            return
        if callable(message):
            return
        try:
            kind = self._kinds(message, function.routing_key)
            self._codecs[MSGPACK].encode(message)
        except (MessageRefused, NotConvertible) as error:
            yield str(error)
        else:
            if kind == "query":
                yield "a query is asked; a schedule sends a command or an event"

    def _headers(self) -> Mapping[str, str]:
        try:
            return checked_headers(self._settings.get("headers", {}))
        except MessageRefused as error:
            self.problems.append(str(error))
            return {}

    def _tenant_faults(self, channel: Channel, headers: Mapping[str, str]) -> Iterator[str]:
        """Say why the channel would refuse the ticks: for want of a tenant, most likely."""
        if not isinstance(channel, DynamicChannel) or channel.unknown not in {"create", "error"}:
            return
        tick = Tick("", datetime.now(UTC), 1)
        try:
            if callable(channel.tenants):  # it is asked when the bus runs
                found_by(channel.tenant, channel.name, tick, headers)
            else:
                Places([channel], []).locate(channel.name, tick, headers)
        except Exception as error:  # noqa: BLE001  the rule is the user's function
            yield f"channel {channel.name!r} refuses its ticks: {error}; give headers="

    def _route_faults(self, routing: Routing, headers: Mapping[str, str]) -> Iterator[str]:
        """Say why a routed channel would refuse the ticks."""
        if not isinstance(routing, RoutedChannel) or routing.unknown != "error":
            return
        prefix = f"channel {routing.name!r} refuses its ticks"
        try:
            value = found_by(routing.route, routing.name, Tick("", datetime.now(UTC), 1), headers)
        except Exception as error:  # noqa: BLE001  the rule is the user's function
            yield f"{prefix}: {error}; give headers="
        else:
            if value not in routing.targets:
                known = ", ".join(sorted(routing.targets))
                yield f"{prefix}: it has no route for {value!r} (known: {known})"

    def _refuse(self, name: str, allowed: str) -> None:
        self.problems.append(f"{name}={self._settings[name]!r} is not allowed: give {allowed}")
