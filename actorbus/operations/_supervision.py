"""How endpoints are supervised: look, and change it while they run, in all processes at once."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, Unpack

import msgspec
import trio

from actorbus._calls import Answer
from actorbus._errors import ActorBusError, BusConfigurationError, Problem
from actorbus._store import Store, SupervisionChange, SupervisionRow
from actorbus.configuration._configuration import Configuration
from actorbus.configuration._retention_checks import forgotten_too_soon
from actorbus.endpoints._plan import EndpointPlan, plan_endpoint
from actorbus.messages._types import did_you_mean
from actorbus.options._options import COUNT, as_seconds, is_count, is_storable, is_text
from actorbus.options._supervision import Supervision, SupervisionOptions
from actorbus.outbox._outboxes import is_relay
from actorbus.running._tuned import settings_of
from supervisors import ConfigurationError

MOST_TRIES: Final = 20
"""How often a change is tried again, that somebody else was before."""

LONGEST: Final = 1_000
"""Bytes of a reason, and of who gave it."""

WHERE: Final = "bus.supervision.set(...)"
_SPANS: Final = ("retry_initial", "retry_maximum", "backoff_initial", "backoff_maximum")
_TIMES: Final = (*_SPANS, "backoff_reset_after", "within")


@dataclass(frozen=True, slots=True)
class EndpointSupervision:
    """How one endpoint is supervised on one channel."""

    endpoint: str
    channel: str
    declared: Supervision
    now: Supervision
    settings: Mapping[str, Any]
    """What was set in place of what is declared, by its flat names; see `SupervisionOptions`."""
    changed_at: float | None = None
    """Unix time of the last change; None: there was none."""
    changed_by: str = ""
    reason: str = ""
    problem: str = ""
    """Why what was set is left out: it does not go with what is declared now."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody wants to be set."""

    endpoint: str
    settings: Mapping[str, Any]
    by: str
    reason: str
    reset: bool


class Run(Protocol):
    """The run of the bus, as this sees it."""

    @property
    def store(self) -> Store: ...
    @property
    def configuration(self) -> Configuration: ...
    @property
    def deduplicate_for(self) -> float | None: ...
    async def look_at_supervision(self) -> None:
        """Heed here at once what was changed."""
        ...


class SupervisionControl:
    """How the endpoints of a running bus are supervised: `bus.supervision`."""

    def __init__(self, name: str, run: Callable[[], Run], call: Callable[..., Answer[Any]]) -> None:
        self._name = name
        self._run = run
        self._call = call
        self._changing = trio.Lock()

    def show(self, endpoint: str = "") -> Answer[list[EndpointSupervision]]:
        """Return how all endpoints, or one, are supervised, by channel, in declared order.

        Raises ConfigurationError for an endpoint that there is not, BusStateError and StoreError.
        """
        self._check_name(endpoint)
        return self._call(self._show, endpoint)

    def set(
        self,
        endpoint: str,
        *,
        by: str = "",
        reason: str = "",
        **settings: Unpack[SupervisionOptions],
    ) -> Answer[list[EndpointSupervision]]:
        """Set how an endpoint is supervised, in place of what was declared; return how it is then.

        On all its channels, for all its tenants, in all processes: they heed it when they poll,
        those that start later as well, until `reset`. What is not given stays as it is. Nothing is
        restarted and no message is lost; it counts from the next failure on, and a message's
        own retries, or its gateway's, still come first. Each process publishes
        SupervisionChanged, and the store keeps who changed what, when and why (`history`).

        Raises ConfigurationError for an endpoint that there is not, and for what could not have
        been declared, all of it at once; BusStateError and StoreError.
        """
        return self._call(self._change, self._wish(endpoint, settings, by, reason, reset=False))

    def reset(
        self,
        endpoint: str,
        *,
        by: str = "",
        reason: str = "",
        **settings: Unpack[SupervisionOptions],
    ) -> Answer[list[EndpointSupervision]]:
        """Have an endpoint supervised as declared again, but for these settings. As `set`."""
        return self._call(self._change, self._wish(endpoint, settings, by, reason, reset=True))

    def history(self, endpoint: str = "", *, limit: int = 100) -> Answer[list[SupervisionChange]]:
        """Return who changed what, when and why, the newest first; also of former endpoints.

        Raises ConfigurationError, BusStateError and StoreError.
        """
        self._refuse([*_wrong_history(endpoint, limit)], "bus.supervision.history(...)")
        return self._call(self._history, endpoint, limit)

    # -- on the trio side -------------------------------------------------------------------

    async def _show(self, endpoint: str) -> list[EndpointSupervision]:
        rows = {row.endpoint: row for row in await self._run().store.supervision()}
        plans = self._plans(endpoint)
        return [_shown(plan, _row_of(plan, rows)) for plan in plans]

    async def _change(self, wish: "_Wish") -> list[EndpointSupervision]:
        async with self._changing:  # the tries are for changes that other processes make
            return await self._changed(wish)

    async def _changed(self, wish: "_Wish") -> list[EndpointSupervision]:
        for _ in range(MOST_TRIES):
            if await self._written(wish):
                await self._run().look_at_supervision()
                return await self._show(wish.endpoint)
        raise ActorBusError(f"others change the supervision of {wish.endpoint} all the time")

    async def _written(self, wish: "_Wish") -> bool:
        store = self._run().store
        rows = {row.endpoint: row for row in await store.supervision()}
        last = rows.get(wish.endpoint)
        before = "{}" if last is None else last.settings
        wanted = {**({} if wish.reset else settings_of(before)), **wish.settings}
        self._check_wanted(wish.endpoint, wanted)
        text = msgspec.json.encode(wanted, order="sorted").decode()
        if text == before:
            return True
        row = SupervisionRow(
            endpoint=wish.endpoint,
            settings=text,
            changed_at=store.now(),
            changed_by=wish.by or f"{socket.gethostname()} {os.getpid()}",
            reason=wish.reason,
            version=1 if last is None else last.version + 1,
        )
        return await store.write_supervision(row, before)

    async def _history(self, endpoint: str, limit: int) -> list[SupervisionChange]:
        return await self._run().store.supervision_changes(endpoint, limit=limit)

    # -- checks -----------------------------------------------------------------------------

    def _wish(
        self, endpoint: str, settings: Mapping[str, Any], by: str, reason: str, *, reset: bool
    ) -> "_Wish":
        """Refuse what is wrong whatever was set before."""
        wrong = [*_wrong_texts(by, reason), *_wrong_times(settings)]
        if endpoint == "":
            wrong.append(f"endpoint='' is not allowed: name one ({', '.join(self._known())})")
        self._check_name(endpoint, wrong)
        given = {
            name: as_seconds(value) if name in _TIMES else value for name, value in settings.items()
        }
        return _Wish(endpoint, given, by, reason, reset)

    def _check_name(self, endpoint: str, wrong: list[str] | None = None) -> None:
        wrong = wrong or []
        known = self._known()
        if not isinstance(endpoint, str):
            wrong.append(f"endpoint={endpoint!r} is not allowed: give a text")
        elif endpoint and endpoint not in known:
            wrong.append(f"no endpoint {endpoint!r} with a channel{did_you_mean(endpoint, known)}")
        self._refuse(wrong)

    def _check_wanted(self, endpoint: str, wanted: Mapping[str, Any]) -> None:
        """Refuse what could not have been declared."""
        wrong: list[str] = []
        for plan in self._plans(endpoint):
            try:
                plan.supervision.changed(wanted)
            except ConfigurationError as error:
                wrong += [problem for problem in error.problems if problem not in wrong]
        self._refuse(wrong)
        run = self._run()
        kept = run.store.retention
        tuned = _with_retries(run.configuration, endpoint, wanted)
        here = (one.text for one in forgotten_too_soon(tuned, kept, run.deduplicate_for))
        as_declared = forgotten_too_soon(run.configuration, kept, run.deduplicate_for)
        before = {one.text for one in as_declared}
        self._refuse([text for text in here if text not in before])

    def _refuse(self, wrong: list[str], where: str = WHERE) -> None:
        if wrong:
            raise BusConfigurationError(self._name, [Problem(where, text) for text in wrong])

    def _known(self) -> list[str]:
        return list(dict.fromkeys(plan.spec.endpoint_id for plan in self._plans("")))

    def _plans(self, endpoint: str) -> list[EndpointPlan]:
        configuration = self._run().configuration
        return [
            plan_endpoint(spec, channel)
            for channel in configuration.channels
            for spec in configuration.endpoints_of(channel.name)
            if not is_relay(spec.endpoint_id) and endpoint in {"", spec.endpoint_id}
        ]


def _shown(plan: EndpointPlan, row: SupervisionRow | None) -> EndpointSupervision:
    declared = plan.supervision
    about = plan.spec.endpoint_id, plan.channel, declared
    if row is None:
        return EndpointSupervision(*about, declared, {})
    settings, who = settings_of(row.settings), (row.changed_at, row.changed_by, row.reason)
    try:
        return EndpointSupervision(*about, declared.changed(settings), settings, *who)
    except ConfigurationError as error:
        return EndpointSupervision(*about, declared, settings, *who, "; ".join(error.problems))


def _row_of(plan: EndpointPlan, rows: Mapping[str, SupervisionRow]) -> SupervisionRow | None:
    return next((rows[name] for name in plan.ids if name in rows), None)


def _with_retries(
    configuration: Configuration, endpoint: str, wanted: Mapping[str, Any]
) -> Configuration:
    """Return the configuration as if its retries had been declared so."""

    def changed(spec: Any) -> Any:
        if spec.endpoint_id != endpoint or spec.channel is None:
            return spec
        channel = next((one for one in configuration.channels if one.name == spec.channel), None)
        if channel is None:
            return spec
        return replace(spec, retry=plan_endpoint(spec, channel).supervision.changed(wanted).retry)

    return replace(configuration, handlers=tuple(changed(spec) for spec in configuration.handlers))


def _wrong_history(endpoint: object, limit: object) -> Iterator[str]:
    if not is_text(endpoint) or "\0" in endpoint:
        yield f"endpoint={endpoint!r} is not allowed: give an endpoint's id, or '' for all"
    if not is_count(limit):
        yield f"limit={limit!r} is not allowed: give {COUNT}"


def _wrong_texts(by: object, reason: object) -> Iterator[str]:
    for name, value in (("by", by), ("reason", reason)):
        if not is_storable(value, LONGEST):
            yield (
                f"{name}={value!r} is not allowed: give a text of up to {LONGEST} bytes, without"
                " lone surrogates and NUL"
            )


def _wrong_times(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _TIMES:
        if name in settings and as_seconds(settings[name]) is None:
            value = settings[name]
            yield f"{name}={value!r} is not allowed: give seconds (a number or a timedelta)"
