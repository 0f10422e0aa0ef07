"""Start-up checks of channels on Kafka: what is seen only when all of them are known."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from inspect import Parameter, signature

from actorbus.channels.kafka._records import FOREIGN, ForeignRecord
from actorbus.configuration._problems import Problems
from actorbus.declaring._declared import Declared
from actorbus.declaring._handlers import HandlerSpec
from actorbus.declaring._kafka_channel import KafkaChannel
from actorbus.messages._types import TypeRegistry, did_you_mean

DRIVER = "aiokafka"


def check_kafka(declared: Declared, problems: Problems) -> None:
    """Note a missing driver, options that it does not have, and channels in each other's way."""
    channels = [(one, where) for one, where in declared.channels if isinstance(one, KafkaChannel)]
    places: dict[tuple[object, ...], KafkaChannel] = {}
    for channel, where in channels:
        prefix = f"channel {channel.name!r}: "
        if find_spec(DRIVER) is None:
            text = f"{prefix}{DRIVER} is not installed: pip install 'actorbus[kafka]'"
            problems.add(where, text)
            continue
        problems.add_all(where, _option_faults(channel), prefix)
        if any(channel.problems()):
            continue
        group = channel.group_name(declared.bus)
        place = (tuple(channel.server_list), channel.topic_name, group)
        first = places.setdefault(place, channel)
        if first is not channel:
            problems.add(
                where,
                f"{prefix}channel {first.name!r} is on topic {channel.topic_name!r} in group"
                f" {group!r} already: each would get a part of what is sent; give another group=",
            )


def register_foreign(declared: Declared, types: TypeRegistry) -> None:
    """Give foreign records their name, if there may be any."""
    if any(isinstance(channel, KafkaChannel) for channel, _ in declared.channels):
        types.register(ForeignRecord, FOREIGN)


def check_foreign(declared: Declared, handlers: Iterable[HandlerSpec], problems: Problems) -> None:
    """Note second handlers of foreign records: each record is for one."""
    kafka = {one.name for one, _ in declared.channels if isinstance(one, KafkaChannel)}
    first: dict[str, HandlerSpec] = {}
    for spec in handlers:
        if spec.type_name != FOREIGN or spec.channel not in kafka or spec.channel is None:
            continue
        before = first.setdefault(spec.channel, spec)
        if before is not spec:
            problems.add(
                spec.where,
                f"{before.endpoint_id} gets the foreign records of {spec.channel!r} already",
            )


def _option_faults(channel: KafkaChannel) -> Iterator[str]:
    if not (channel.consumer_options or channel.producer_options):
        return
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    kinds = (("consumer_options", AIOKafkaConsumer), ("producer_options", AIOKafkaProducer))
    for name, kind in kinds:
        known = [
            each.name
            for each in signature(kind).parameters.values()
            if each.kind is not Parameter.VAR_POSITIONAL
        ]
        for option in dict(getattr(channel, name)):
            if option not in known:
                hint = did_you_mean(str(option), known)
                yield f"{name}=: {kind.__name__} has no option {option!r}{hint}"
