"""Start-up checks of batches, rate limits and concurrency by load: what contradicts the channel."""

from collections.abc import Iterator, Sequence
from inspect import Parameter

from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import Declaration, HandlerSpec
from actorbus.handling._batch_types import element_of
from actorbus.messages._message import Headers


def flow_faults(spec: HandlerSpec, declared: Declared, *, asynchronous: bool) -> Iterator[str]:
    """Say which of a handler's options its channel cannot honour."""
    if spec.channel is None and asynchronous and spec.batch is not None:
        yield "batch= needs channel=: what is sent to it at once is one message"
    if spec.batch is not None and (spec.group_commit or 1) > 1:
        yield "batch= and group_commit= contradict each other: a batch is one transaction"
    channels = [channel for channel, _ in declared.channels if channel.name == spec.channel]
    for channel in channels[:1]:
        rate, batch = spec.rate_limit, spec.batch
        if rate is not None and rate.by == "tenant" and not channel.dynamic:
            yield (
                f"rate_limit=Rate(by='tenant'): channel {channel.name!r} has no tenants;"
                " declare it as a DynamicChannel, or drop by="
            )
        if batch is not None and channel.dynamic and batch.size > channel.max_in_flight:
            yield (
                f"batch=Batch(size={batch.size}) is more than max_in_flight={channel.max_in_flight}"
                f" of channel {channel.name!r}, which its tenants share: no batch would be full"
            )


def takes_batch(declaration: Declaration) -> bool:
    """Return whether a handler was declared with `batch=`."""
    return declaration.options.get("batch") is not None


def of_one(declaration: Declaration, message: Parameter) -> Parameter:
    """Return a handler's message parameter; that of a batch annotated as one of its messages."""
    element = element_of(message.annotation) if takes_batch(declaration) else None
    return message if element is None else message.replace(annotation=element)


def batch_faults(declaration: Declaration, parameters: Sequence[Parameter]) -> Iterator[str]:
    """Say what is wrong with the parameters of a handler of batches, the message's first."""
    if not takes_batch(declaration):
        return
    message, *others = parameters
    if message.annotation is not Parameter.empty and element_of(message.annotation) is None:
        yield (
            f"batch= hands over a list: annotate {message.name!r} as list[...] or Sequence[...],"
            " of the message's type"
        )
    for parameter in others:
        if parameter.annotation is Headers:
            yield (
                f"parameter {parameter.name!r}: a batch has no Headers of its own;"
                " ask for list[Headers], one for each message"
            )
