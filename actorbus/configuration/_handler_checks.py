"""Start-up checks of handlers: from a declaration to a spec, or to what is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import Parameter
from typing import Any, cast, is_typeddict

from actorbus.codecs import (
    STRICTNESS,
    UNKNOWN_FIELDS,
    Conversion,
    Strictness,
    UnknownFields,
    unsupported_parts,
)
from actorbus.configuration._channel_checks import (
    channel_names,
    check_capabilities,
    check_channel_name,
)
from actorbus.configuration._error_channel_checks import FAILED_MESSAGE, error_handler_faults
from actorbus.configuration._flow_checks import flow_faults, takes_batch
from actorbus.configuration._handler_conflicts import WITH_ARTICLE
from actorbus.configuration._handler_types import HandlerTypes, route_by
from actorbus.configuration._problems import Problems
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import Declaration, HandlerSpec, Kind, World, is_async
from actorbus.handling import _inject
from actorbus.handling._batch_types import others_than_headers
from actorbus.interceptors._markers import Marker
from actorbus.messages._types import checked_name, did_you_mean, stable_name
from actorbus.options._flow import checked_flow
from actorbus.options._grouping import checked_group
from actorbus.options._instant_retry import InstantRetry, retry_faults
from actorbus.options._options import (
    ERROR_HANDLER_OPTIONS,
    HANDLER_OPTIONS,
    QUERY_OPTIONS,
    Checked,
    RunsOn,
    contradictions,
)
from actorbus.options._ordering import order_faults
from actorbus.options._precedence import on_channel
from actorbus.options._retry_checks import error_contradictions
from actors import process_problem
from supervisors import Retry

Parameters = tuple[Parameter, ...]

_OPTIONS: Mapping[Kind, frozenset[str]] = {
    "command": HANDLER_OPTIONS,
    "event": HANDLER_OPTIONS,
    "query": QUERY_OPTIONS,
    "error": ERROR_HANDLER_OPTIONS,
}


class HandlerChecks:
    """Makes the specs of one bus's handlers, and collects what is wrong with those it cannot."""

    def __init__(
        self,
        declared: Declared,
        runs_on: RunsOn,
        types: HandlerTypes,
        gateway_channels: Mapping[Kind, frozenset[str]],
        problems: Problems,
    ) -> None:
        self._declared = declared
        self._runs_on = runs_on
        self._types = types
        self._gateway_channels = gateway_channels
        self._problems = problems
        self._channels = channel_names(declared)
        self.parameters: dict[str, Parameters] = {}
        self.drafts: list[HandlerSpec] = []
        """All handlers, those too that something is wrong with, to be held against each other."""

    def specs(self, declarations: Iterable[Declaration]) -> Sequence[HandlerSpec]:
        """Return the specs of those handlers that nothing is wrong with, in declared order."""
        return [spec for spec in map(self._spec, declarations) if spec is not None]

    def _spec(self, declaration: Declaration) -> HandlerSpec | None:
        before = len(self._problems)
        found = self._types.parameters_of(declaration)
        if found is None:
            return None
        (message, *others), markers = found
        if declaration.kind == "error":
            type_name = FAILED_MESSAGE
            self._problems.add_all(declaration.where, error_handler_faults(declaration, message))
        else:
            type_name = self._types.message_type(declaration, message)
        spec = self._with_options(declaration, message.annotation, type_name, markers)
        self.drafts.append(spec)
        filled_in = others_than_headers(others) if takes_batch(declaration) else others
        faults = _inject.faults(filled_in, self._declared.services)
        self._problems.add_all(declaration.where, faults)
        if spec.world == "process":
            self._check_process(declaration, message, filled_in)
        if len(self._problems) > before:
            return None
        self.parameters[spec.endpoint_id] = tuple(others)
        return spec

    def _endpoint_id(self, declaration: Declaration) -> str:
        with self._problems.collecting(declaration.where):
            given = declaration.options.get("endpoint_id")
            return stable_name(declaration.function) if given is None else checked_name(given)
        return ""

    def _with_options(
        self,
        declaration: Declaration,
        message_type: Any,
        type_name: str,
        markers: tuple[Marker, ...],
    ) -> HandlerSpec:
        """Return the spec with its options; refused ones are left out and collected."""
        where, given = declaration.where, declaration.options
        self._check_option_names(declaration)
        checked = Checked(given)
        runs_on = checked.choice("runs_on", ("trio", "asyncio", "process"))
        flow = checked_flow(given, checked)
        retry = checked.of_type("retry", Retry | InstantRetry, "a Retry or an InstantRetry")
        spec = HandlerSpec(
            kind=declaration.kind,
            message_type=message_type,
            type_name=type_name,
            function=declaration.function,
            endpoint_id=self._endpoint_id(declaration),
            world=self._world(declaration, runs_on),
            aliases=checked.texts("aliases"),
            channel=given.get("channel"),
            delay=checked.delay("delay"),
            priority=checked.whole("priority"),
            time_to_live=checked.seconds("time_to_live"),
            deduplicate=checked.deduplicate("deduplicate"),
            ordering_key=checked.ordering("ordering_key"),
            concurrency=flow.concurrency,
            rate_limit=flow.rate,
            batch=flow.batch,
            group_commit=checked_group(given, checked),
            timeout=checked.seconds("timeout"),
            retry=retry if isinstance(retry, Retry) else None,
            instant_retry=retry if isinstance(retry, InstantRetry) else None,
            outage=checked.exceptions("outage"),
            permanent=checked.exceptions("permanent") or (),
            breaker=checked.whole("breaker", at_least=1),
            order=declaration.order,
            where=where,
            markers=markers,
            route_by=route_by(declaration),
            conversion=self._conversion(declaration, checked),
            answer_type=declaration.answer_type() if declaration.kind == "query" else Any,
            distributed=checked.of_type("distributed", bool, "True or False") or False,
            error_channel=given.get("error_channel"),
        )
        self._problems.add_all(where, checked.problems)
        self._check_together(spec, given)
        filled = self._filled(spec)
        self._problems.add_all(where, order_faults(filled))
        return filled

    def _check_together(self, spec: HandlerSpec, given: Mapping[str, Any]) -> None:
        """Find what is wrong with options together, or with what else was declared."""
        where = spec.where
        asynchronous = spec.channel is not None or bool(self._gateway_channels.get(spec.kind))
        asynchronous = asynchronous or spec.distributed  # its copies come through the inbox
        self._problems.add_all(where, contradictions(given, asynchronous=asynchronous))
        self._problems.add_all(where, retry_faults(spec, asynchronous=asynchronous))
        self._problems.add_all(where, error_contradictions(spec))
        if asynchronous and spec.kind == "query":
            faults = unsupported_parts(spec.answer_type, self._types.hooks)
            self._problems.add_all(where, faults, "its answer cannot come through a channel: ")
        self._problems.add_all(where, flow_faults(spec, self._declared, asynchronous=asynchronous))
        if spec.channel is not None:
            check_channel_name(self._problems, self._channels, where, spec.channel)
            check_capabilities(self._declared, self._problems, where, given, spec.channel)

    def _filled(self, spec: HandlerSpec) -> HandlerSpec:
        """Return the spec with what it leaves to a channel of its own."""
        for channel, _ in self._declared.channels:
            if channel.name == spec.channel and not any(channel.problems()):
                return on_channel(spec, channel)
        return spec

    def _conversion(self, declaration: Declaration, checked: Checked) -> Conversion:
        strictness = checked.choice("conversion", STRICTNESS)
        unknown_fields = checked.choice("unknown_fields", UNKNOWN_FIELDS)
        return self._declared.messages.conversion_of(
            cast("Strictness | None", strictness),
            cast("UnknownFields | None", unknown_fields),
            is_view=declaration.routing_key is not None,
        )

    def _check_option_names(self, declaration: Declaration) -> None:
        allowed = _OPTIONS[declaration.kind]
        for name in declaration.options:
            if name not in allowed:
                hint = did_you_mean(name, allowed)
                self._problems.add(
                    declaration.where,
                    f"{WITH_ARTICLE[declaration.kind]} handler has no option {name}={hint}",
                )

    def _world(self, declaration: Declaration, runs_on: str | None) -> World:
        """Return where the handler runs; its colour and its option have to agree."""
        if is_async(declaration.function):
            if runs_on == "process":
                self._problems.add(
                    declaration.where, "runs_on='process' is for plain functions; this is async"
                )
            return "asyncio" if (runs_on or self._runs_on) == "asyncio" else "trio"
        if runs_on in {"trio", "asyncio"}:
            text = f"runs_on={runs_on!r} is for async functions; this plain one runs on a thread"
            self._problems.add(declaration.where, text)
        return "process" if runs_on == "process" else "thread"

    def _check_process(
        self, declaration: Declaration, message: Parameter, others: Sequence[Parameter]
    ) -> None:
        """Check that another process finds the function and the message's type, and needs no more.

        A class that is made in a function is found nowhere; plain data is found everywhere.
        """
        wanted = [declaration.function]
        if isinstance(message.annotation, type) and not is_typeddict(message.annotation):
            wanted.append(message.annotation)
        problems = [problem for problem in map(process_problem, wanted) if problem is not None]
        faults = _inject.process_faults(others, self._declared.services)
        for fault in (*problems, *faults):
            self._problems.add(declaration.where, f"runs_on='process': {fault}")
