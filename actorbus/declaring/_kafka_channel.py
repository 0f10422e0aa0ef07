"""A channel whose messages are records of a topic of Apache Kafka's, as it is declared.

No driver is imported here: `channels/kafka` has what runs.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from dataclasses import field as attribute
from typing import TYPE_CHECKING, Any, Literal

from actorbus.declaring._broker_channel import BrokerChannel
from actorbus.options._options import COUNT, Seconds, as_seconds, is_count

if TYPE_CHECKING:
    from actorbus.channels.kafka._producer import KafkaBroker

Start = Literal["earliest", "latest"]

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "GSSAPI", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_NEEDS_PASSWORD = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[^\s:,\[\]]+)(:[0-9]{1,5})?")

OWN_OPTIONS = frozenset(
    {
        "auto_offset_reset",
        "bootstrap_servers",
        "consumer_timeout_ms",
        "enable_auto_commit",
        "enable_idempotence",
        "group_id",
        "group_instance_id",
        "key_deserializer",
        "key_serializer",
        "loop",
        "rebalance_timeout_ms",
        "session_timeout_ms",
        "transactional_id",
        "value_deserializer",
        "value_serializer",
    }
)
"""Options of the driver that the channel decides on itself."""


@dataclass(frozen=True, slots=True)
class KafkaChannel(BrokerChannel):
    """A channel on a topic of Apache Kafka's, beside the store: `pip install actorbus[kafka]`.

    `servers` are "host:port", one or several. The topic is `topic`, by default named like the
    channel; the consumer group `group`, by default "<bus>.<channel>". A group that has committed
    nothing yet starts at the `start` of the topic, "earliest", or with what comes, "latest".

    What is sent goes through the outbox in the sender's transaction, and is produced from there;
    with `outbox=False` it is produced after the commit: at most once from commit to broker, and
    without `delay`. Retries, delays, dead letters and replays lie in the store, so that a message
    that fails never holds up its partition, unless its `ordering_key` says so: it is the record's
    key. There is no `priority`: a partition is a log.

    Of each message the store remembers that it was handled, in the transaction of its handler:
    noted with the settlement (`inbox="last"`), or before the handler begins (`"first"`: of two
    copies that are handled at the same time the second waits, and is skipped). For a handler that
    takes no Transaction it is noted before it starts, and again when it is done.

    At most `window` messages of a partition that are done with wait for one that is not; then
    the partition pauses. At most `prefetch` fetched ones wait for a handler. A process that says
    nothing for `session_timeout` seconds loses its partitions to others. When partitions are
    handed over, what is being handled has `handover_timeout` seconds to end. What is done with is
    committed every `commit_every` seconds, and when partitions are handed over.

    Security, as the driver (aiokafka) has it: `security_protocol` is "PLAINTEXT", "SSL",
    "SASL_PLAINTEXT" or "SASL_SSL", `ssl_context` an `ssl.SSLContext` (by default the system's
    certificates), `sasl_mechanism` "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI" or
    "OAUTHBEARER". `consumer_options` and `producer_options` are other options of its consumer and
    producer. All other options are as in `StoreChannel`.
    """

    _: KW_ONLY
    servers: str | Sequence[str]
    topic: str | None = None
    group: str | None = None
    start: Start = "earliest"
    window: int = 10_000
    prefetch: int = 1_000
    session_timeout: Seconds = 10.0
    handover_timeout: Seconds = 5.0
    commit_every: Seconds = 1.0
    security_protocol: str = "PLAINTEXT"
    ssl_context: ssl.SSLContext | None = None
    sasl_mechanism: str = "PLAIN"
    sasl_plain_username: str | None = None
    sasl_plain_password: str | None = attribute(default=None, repr=False)
    sasl_kerberos_service_name: str = "kafka"
    sasl_kerberos_domain_name: str | None = None
    sasl_oauth_token_provider: Any = None
    consumer_options: Mapping[str, Any] = attribute(default_factory=dict)
    producer_options: Mapping[str, Any] = attribute(default_factory=dict)

    @property
    def topic_name(self) -> str:
        """The topic that it is on."""
        return self.name if self.topic is None else self.topic

    @property
    def server_list(self) -> list[str]:
        """The servers, each "host:port"."""
        if isinstance(self.servers, str):
            return [one.strip() for one in self.servers.split(",")]
        return list(self.servers)

    def group_name(self, bus: str) -> str:
        """Return the consumer group that a bus of this name is in."""
        return f"{bus}.{self.name}" if self.group is None else self.group

    def security(self) -> dict[str, Any]:
        """Return what the driver is told about TLS and SASL."""
        return {
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context(),
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_plain_username,
            "sasl_plain_password": self.sasl_plain_password,
            "sasl_kerberos_service_name": self.sasl_kerberos_service_name,
            "sasl_kerberos_domain_name": self.sasl_kerberos_domain_name,
            "sasl_oauth_token_provider": self.sasl_oauth_token_provider,
        }

    def _ssl_context(self) -> ssl.SSLContext | None:
        if self.ssl_context is None and self.security_protocol in {"SSL", "SASL_SSL"}:
            return ssl.create_default_context()
        return self.ssl_context

    def make_broker(self, now: Callable[[], float]) -> "KafkaBroker":
        """Return what produces its messages."""
        from actorbus.channels.kafka._producer import KafkaBroker  # noqa: PLC0415  with its driver

        return KafkaBroker(self, now)

    def problems(self) -> Iterator[str]:
        """Say what is wrong with these options, a sentence each."""
        yield from BrokerChannel.problems(self)
        yield from self._place_faults()
        yield from _choice_faults("start", self.start, ("earliest", "latest"))
        for name in ("window", "prefetch"):
            if not is_count(getattr(self, name)):
                yield f"{name}={getattr(self, name)!r} is not {COUNT}"
        for name in ("session_timeout", "handover_timeout", "commit_every"):
            if (as_seconds(getattr(self, name)) or 0) <= 0:
                value = getattr(self, name)
                yield f"{name}={value!r} is not allowed: give seconds, more than 0"
        yield from self._security_faults()
        for name in ("consumer_options", "producer_options"):
            yield from _driver_option_faults(name, getattr(self, name))

    def _place_faults(self) -> Iterator[str]:
        yield from _server_faults(self.servers)
        topic: object = self.topic_name
        if not isinstance(topic, str) or not _TOPIC.fullmatch(topic) or topic in {".", ".."}:
            hint = "; give topic=" if self.topic is None else ""
            yield (
                f"topic={topic!r} is not allowed: give 1 to 249 of the characters A-Z, a-z, 0-9,"
                f" '.', '_' and '-'{hint}"
            )
        group: object = self.group
        if group is not None and not (isinstance(group, str) and group):
            yield f"group={group!r} is not allowed: give a text"

    def _security_faults(self) -> Iterator[str]:
        protocol, mechanism = self.security_protocol, self.sasl_mechanism
        yield from _choice_faults("security_protocol", protocol, SECURITY_PROTOCOLS)
        yield from _choice_faults("sasl_mechanism", mechanism, SASL_MECHANISMS)
        if self.ssl_context is not None:
            if not isinstance(self.ssl_context, ssl.SSLContext):
                yield f"ssl_context={self.ssl_context!r} is not an ssl.SSLContext"
            elif protocol in {"PLAINTEXT", "SASL_PLAINTEXT"}:
                yield f"ssl_context= does nothing with security_protocol={protocol!r}; drop one"
        has_password = (self.sasl_plain_username, self.sasl_plain_password) != (None, None)
        if not str(protocol).startswith("SASL_"):
            if has_password or self.sasl_oauth_token_provider is not None:
                yield (
                    f"sasl_... does nothing with security_protocol={protocol!r}: give"
                    " 'SASL_PLAINTEXT' or 'SASL_SSL'"
                )
        elif mechanism in _NEEDS_PASSWORD:
            for name in ("sasl_plain_username", "sasl_plain_password"):
                if not isinstance(getattr(self, name), str):
                    yield f"sasl_mechanism={mechanism!r} needs {name}="
        elif mechanism == "OAUTHBEARER" and self.sasl_oauth_token_provider is None:
            yield "sasl_mechanism='OAUTHBEARER' needs sasl_oauth_token_provider="


def _server_faults(servers: object) -> Iterator[str]:
    several = servers.split(",") if isinstance(servers, str) else servers
    if not isinstance(several, Sequence) or not several:
        yield f"servers={servers!r} is not allowed: give 'host:port', or several of them"
        return
    for one in several:
        if not isinstance(one, str) or not _SERVER.fullmatch(one.strip()):
            yield f"servers=: {one!r} is not 'host:port'"


def _choice_faults(name: str, value: object, allowed: Sequence[str]) -> Iterator[str]:
    if value not in allowed:
        yield f"{name}={value!r} is not allowed: give {' or '.join(map(repr, allowed))}"


def _driver_option_faults(name: str, options: object) -> Iterator[str]:
    if not isinstance(options, Mapping):
        yield f"{name}={options!r} is not a mapping"
        return
    for option in options:
        if option in OWN_OPTIONS:
            yield f"{name}=: {option!r} is the channel's own to say"
