"""A message bus made of supervised actors: every channel and every handler restarts alone.

Declaring and running
    ActorBus                    handlers, channels and services are declared on it; then it runs
    HandlerOptions, QueryHandlerOptions, ErrorHandlerOptions    what a handler may say
    HandlerSpec                 what was declared about a handler, in `bus.handlers`
    Retry, Backoff              how often a message is tried; how long a sick endpoint rests
    InstantRetry                how often a synchronous handler is called again
    Batch, BatchFailed          a handler that takes many messages at once
    Rate, ByLoad                how many handlers begin in a time, and how many run at once
    Ordering                    which messages are handled one after the other
    StoreChannel, DynamicChannel    channels that hold messages; one for each tenant
    KafkaChannel, ForeignRecord    a channel on a topic of Kafka's; a record of other programs'
    RoutedChannel, RoundRobinChannel    channels that lead on to others
    CombinedChannel        an outbox and the channel at a broker that it is relayed to
    header, field               rules: what tells tenants, channels, keys apart
What handlers are given
    Headers, Transaction        of the message being handled
    CommandBus, EventBus, QueryBus    gateways; subclass them to send through a channel
    FailedMessage, Failure      what the handler of an error channel is given
Sending
    SendOptions, GatewayOptions    what a sender and its gateway may say
    Answer                      a call's result: awaited, or by `.get()` on a plain thread
    Letter                      one of many messages, with options of its own
    Receipt                     the id of a message that is handled later
    Envelope                    a message as it travels
    detached                    leave the handler's transaction
Business interfaces, implemented by `bus.gateway(OrderDesk)`
    BusinessInterface, command, event, query, Header, Payload
Other services: their channels by `bus.add_service_map`, this one's by `bus.add_inbox`
    DistributedBus              the gateway to them; subclass it for other maps, or an outbox
    ServiceMap                  where they are, and which events they are sent
    DistributedCounts           what passed between this service and them
    DistributedOptions, DistributedGatewayOptions    what a sender and its gateway may say
Schedules, declared by `bus.scheduled` and `bus.schedule`
    Tick                        what their handlers may be given
    ScheduleOptions, ScheduleState    `bus.schedules`
Interceptors, declared by `bus.before`, `around`, `after`, `before_sending`, `intercept`
    Invocation, Sending         what they are given; `actorbus.interceptors` has built-in ones
    Marker                      what a handler says about itself, for them to act on
Consuming, by `bus.run`, `consume_for`, `pause`, `resume`, `stop`
    Limits, Ending, RunResult   what ends a run, and what is told about it
    Unfinished                  what a stop cut off
    Pause                       what is paused, until when, and why
Looking, and putting right
    BusHealth, ChannelHealth, EndpointHealth, SynchronousHealth, Condition    `bus.health()`
    BrokerHealth                of a channel at a message broker
    QueueStatistics, ProcessRow    the store's queues, and the processes on it
    GatewayListing              `bus.gateways()`
    DeadLetterFilter, DeadLetterRow, DeadLetterGroup, DeadLetterReason, Preview, Replayed
                                `bus.dead_letters`
    ParkedMessages              `bus.parked`
    Supervision, SupervisionOptions, EndpointSupervision, SupervisionChange    `bus.supervision`
    Store                       what a store of your own implements
Events, on `bus.system.events`; the runtime's are in `actors.events`
    of a message     MessageRetried, MessageDied, MessageDiverted, MessageParked, LateReply,
                     MessageNotProduced,
                     QueryRejected, DeadLetterFailed
    of many          MessagesParked, MessagesLetGo, MessagesTakenBack, TicksMissed
    of an endpoint or a channel    EndpointSick, EndpointHealthy, ChannelStalled, ThrottleFailed
    of tenants       TenantStarted, TenantEnded, TenantOptionsFailed, TenantsNotRefreshed
    of the store     StoreTrouble, LeaseLost
    of tuning        SupervisionChanged, SupervisionLeftOut, RecordingEnded
    of a broker      BrokerTrouble, BrokerRecovered, PartitionsAssigned, PartitionsRevoked
Errors, all of them ActorBusError; `_errors` and `_store._errors` draw the tree
    for you to raise in a handler    PermanentError, RetryAfter
    declaring        BusConfigurationError (a ConfigurationError) with its Problem, BusStateError
    sending          InvalidMessage, MessageRefused, InvalidHeader, InvalidSendOption,
                     UnknownMessageType, NoHandler, NestedTooDeep, SubscribersFailed,
                     QueryFailed, QueryTimeout
    tenants          InvalidTenant, UnknownTenant, TooManyTenants
    services         UnknownService, the sender's; UnreachableHandler, the receiver's
    handling         UndecodableMessage, HandlerTimeout, HandlerEnded, NotProceeded
    transactions     TransactionError, RollbackOnly, ReadOnlyTransaction
    operating        DeadLetterNotFound, ScheduleNotFound
    stores           StoreError, StoreUnavailable, StoreRefused

How a message travels through the packages
    declaring, options, configuration    what the program says, and the checks of it at start-up
    messages         the envelope, names and versions, from a stored body to a typed message
    gateways         1  the doors, and the program's own interfaces
    sending          2  which handlers it goes to: called at once, or a copy stored for each
    channels         3  copies wait there, are claimed by credit, tenants take turns
    endpoints        4  an actor per handler: workers, batches, rates, sickness, settlement
    handling         5  one message at its handler: arguments filled in, called where it runs
    transactions     6  what it wrote, sent and settled is committed together
    interceptors, schedules, distributed    what joins on the way
    consuming, running    a process that does this, and one run of it
    operations, cli, testing    looking, putting right, trying out
    _store, stores   the contract of a store, and its kinds
"""

from actorbus._bus import ActorBus as ActorBus
from actorbus._bus_events import BrokerRecovered as BrokerRecovered
from actorbus._bus_events import BrokerTrouble as BrokerTrouble
from actorbus._bus_events import ChannelStalled as ChannelStalled
from actorbus._bus_events import DeadLetterFailed as DeadLetterFailed
from actorbus._bus_events import EndpointHealthy as EndpointHealthy
from actorbus._bus_events import EndpointSick as EndpointSick
from actorbus._bus_events import LateReply as LateReply
from actorbus._bus_events import LeaseLost as LeaseLost
from actorbus._bus_events import MessageDied as MessageDied
from actorbus._bus_events import MessageDiverted as MessageDiverted
from actorbus._bus_events import MessageNotProduced as MessageNotProduced
from actorbus._bus_events import MessageParked as MessageParked
from actorbus._bus_events import MessageRetried as MessageRetried
from actorbus._bus_events import MessagesLetGo as MessagesLetGo
from actorbus._bus_events import MessagesParked as MessagesParked
from actorbus._bus_events import MessagesTakenBack as MessagesTakenBack
from actorbus._bus_events import PartitionsAssigned as PartitionsAssigned
from actorbus._bus_events import PartitionsRevoked as PartitionsRevoked
from actorbus._bus_events import QueryRejected as QueryRejected
from actorbus._bus_events import RecordingEnded as RecordingEnded
from actorbus._bus_events import StoreTrouble as StoreTrouble
from actorbus._bus_events import SupervisionChanged as SupervisionChanged
from actorbus._bus_events import SupervisionLeftOut as SupervisionLeftOut
from actorbus._bus_events import TenantEnded as TenantEnded
from actorbus._bus_events import TenantOptionsFailed as TenantOptionsFailed
from actorbus._bus_events import TenantsNotRefreshed as TenantsNotRefreshed
from actorbus._bus_events import TenantStarted as TenantStarted
from actorbus._bus_events import ThrottleFailed as ThrottleFailed
from actorbus._bus_events import TicksMissed as TicksMissed
from actorbus._calls import Answer as Answer
from actorbus._calls import detached as detached
from actorbus._errors import ActorBusError as ActorBusError
from actorbus._errors import BusConfigurationError as BusConfigurationError
from actorbus._errors import BusStateError as BusStateError
from actorbus._errors import HandlerEnded as HandlerEnded
from actorbus._errors import HandlerTimeout as HandlerTimeout
from actorbus._errors import InvalidHeader as InvalidHeader
from actorbus._errors import InvalidMessage as InvalidMessage
from actorbus._errors import InvalidSendOption as InvalidSendOption
from actorbus._errors import MessageRefused as MessageRefused
from actorbus._errors import NestedTooDeep as NestedTooDeep
from actorbus._errors import NoHandler as NoHandler
from actorbus._errors import NotProceeded as NotProceeded
from actorbus._errors import PermanentError as PermanentError
from actorbus._errors import Problem as Problem
from actorbus._errors import QueryFailed as QueryFailed
from actorbus._errors import QueryTimeout as QueryTimeout
from actorbus._errors import ReadOnlyTransaction as ReadOnlyTransaction
from actorbus._errors import RollbackOnly as RollbackOnly
from actorbus._errors import SubscribersFailed as SubscribersFailed
from actorbus._errors import TransactionError as TransactionError
from actorbus._errors import UndecodableMessage as UndecodableMessage
from actorbus._errors import UnknownMessageType as UnknownMessageType
from actorbus._settlement import DeadLetterReason as DeadLetterReason
from actorbus._settlement import Failure as Failure
from actorbus._store import DeadLetterFilter as DeadLetterFilter
from actorbus._store import DeadLetterGroup as DeadLetterGroup
from actorbus._store import DeadLetterNotFound as DeadLetterNotFound
from actorbus._store import DeadLetterRow as DeadLetterRow
from actorbus._store import ParkedMessages as ParkedMessages
from actorbus._store import ProcessRow as ProcessRow
from actorbus._store import QueueStatistics as QueueStatistics
from actorbus._store import Store as Store
from actorbus._store import StoreError as StoreError
from actorbus._store import StoreRefused as StoreRefused
from actorbus._store import StoreUnavailable as StoreUnavailable
from actorbus._store import SupervisionChange as SupervisionChange
from actorbus.channels.kafka._records import ForeignRecord as ForeignRecord
from actorbus.consuming._limits import Ending as Ending
from actorbus.consuming._limits import Limits as Limits
from actorbus.consuming._limits import RunResult as RunResult
from actorbus.consuming._limits import Unfinished as Unfinished
from actorbus.consuming._pauses import Pause as Pause
from actorbus.declaring._channel import DynamicChannel as DynamicChannel
from actorbus.declaring._channel import StoreChannel as StoreChannel
from actorbus.declaring._combined_channel import CombinedChannel as CombinedChannel
from actorbus.declaring._handlers import HandlerSpec as HandlerSpec
from actorbus.declaring._kafka_channel import KafkaChannel as KafkaChannel
from actorbus.declaring._routed_channel import RoundRobinChannel as RoundRobinChannel
from actorbus.declaring._routed_channel import RoutedChannel as RoutedChannel
from actorbus.declaring._tenant_rules import InvalidTenant as InvalidTenant
from actorbus.declaring._tenant_rules import TooManyTenants as TooManyTenants
from actorbus.declaring._tenant_rules import UnknownTenant as UnknownTenant
from actorbus.declaring._tenant_rules import field as field
from actorbus.declaring._tenant_rules import header as header
from actorbus.distributed._counts import DistributedCounts as DistributedCounts
from actorbus.distributed._gateway import DistributedBus as DistributedBus
from actorbus.distributed._gateway import DistributedGatewayOptions as DistributedGatewayOptions
from actorbus.distributed._gateway import DistributedOptions as DistributedOptions
from actorbus.distributed._inbox import UnreachableHandler as UnreachableHandler
from actorbus.distributed._service_map import ServiceMap as ServiceMap
from actorbus.distributed._service_map import UnknownService as UnknownService
from actorbus.gateways._gateway import CommandBus as CommandBus
from actorbus.gateways._gateway import EventBus as EventBus
from actorbus.gateways._gateway import Letter as Letter
from actorbus.gateways._gateway import QueryBus as QueryBus
from actorbus.gateways._interface import BusinessInterface as BusinessInterface
from actorbus.gateways._interface import Header as Header
from actorbus.gateways._interface import Payload as Payload
from actorbus.gateways._interface import command as command
from actorbus.gateways._interface import event as event
from actorbus.gateways._interface import query as query
from actorbus.gateways._listing import GatewayListing as GatewayListing
from actorbus.gateways._options import GatewayOptions as GatewayOptions
from actorbus.gateways._way import Receipt as Receipt
from actorbus.handling._batch_failed import BatchFailed as BatchFailed
from actorbus.handling._failed_message import FailedMessage as FailedMessage
from actorbus.interceptors import Invocation as Invocation
from actorbus.interceptors import Marker as Marker
from actorbus.interceptors import Sending as Sending
from actorbus.messages._message import Envelope as Envelope
from actorbus.messages._message import Headers as Headers
from actorbus.operations import BrokerHealth as BrokerHealth
from actorbus.operations import BusHealth as BusHealth
from actorbus.operations import ChannelHealth as ChannelHealth
from actorbus.operations import Condition as Condition
from actorbus.operations import EndpointHealth as EndpointHealth
from actorbus.operations import SynchronousHealth as SynchronousHealth
from actorbus.operations._recovery import Preview as Preview
from actorbus.operations._recovery import Replayed as Replayed
from actorbus.operations._supervision import EndpointSupervision as EndpointSupervision
from actorbus.options._flow import Batch as Batch
from actorbus.options._flow import ByLoad as ByLoad
from actorbus.options._flow import Rate as Rate
from actorbus.options._instant_retry import InstantRetry as InstantRetry
from actorbus.options._options import ErrorHandlerOptions as ErrorHandlerOptions
from actorbus.options._options import HandlerOptions as HandlerOptions
from actorbus.options._options import QueryHandlerOptions as QueryHandlerOptions
from actorbus.options._options import SendOptions as SendOptions
from actorbus.options._ordering import Ordering as Ordering
from actorbus.options._retry_after import RetryAfter as RetryAfter
from actorbus.options._supervision import Supervision as Supervision
from actorbus.options._supervision import SupervisionOptions as SupervisionOptions
from actorbus.schedules._operations import ScheduleNotFound as ScheduleNotFound
from actorbus.schedules._operations import ScheduleState as ScheduleState
from actorbus.schedules._schedule import ScheduleOptions as ScheduleOptions
from actorbus.schedules._tick import Tick as Tick
from actorbus.transactions._transaction import Transaction as Transaction
from supervisors import Backoff as Backoff
from supervisors import ConfigurationError as ConfigurationError
from supervisors import Retry as Retry

__all__ = [
    "ActorBus",
    "ActorBusError",
    "Answer",
    "Backoff",
    "Batch",
    "BatchFailed",
    "BrokerHealth",
    "BrokerRecovered",
    "BrokerTrouble",
    "BusConfigurationError",
    "BusHealth",
    "BusStateError",
    "BusinessInterface",
    "ByLoad",
    "ChannelHealth",
    "ChannelStalled",
    "CombinedChannel",
    "CommandBus",
    "Condition",
    "ConfigurationError",
    "DeadLetterFailed",
    "DeadLetterFilter",
    "DeadLetterGroup",
    "DeadLetterNotFound",
    "DeadLetterReason",
    "DeadLetterRow",
    "DistributedBus",
    "DistributedCounts",
    "DistributedGatewayOptions",
    "DistributedOptions",
    "DynamicChannel",
    "Ending",
    "EndpointHealth",
    "EndpointHealthy",
    "EndpointSick",
    "EndpointSupervision",
    "Envelope",
    "ErrorHandlerOptions",
    "EventBus",
    "FailedMessage",
    "Failure",
    "ForeignRecord",
    "GatewayListing",
    "GatewayOptions",
    "HandlerEnded",
    "HandlerOptions",
    "HandlerSpec",
    "HandlerTimeout",
    "Header",
    "Headers",
    "InstantRetry",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidSendOption",
    "InvalidTenant",
    "Invocation",
    "KafkaChannel",
    "LateReply",
    "LeaseLost",
    "Letter",
    "Limits",
    "Marker",
    "MessageDied",
    "MessageDiverted",
    "MessageNotProduced",
    "MessageParked",
    "MessageRefused",
    "MessageRetried",
    "MessagesLetGo",
    "MessagesParked",
    "MessagesTakenBack",
    "NestedTooDeep",
    "NoHandler",
    "NotProceeded",
    "Ordering",
    "ParkedMessages",
    "PartitionsAssigned",
    "PartitionsRevoked",
    "Pause",
    "Payload",
    "PermanentError",
    "Preview",
    "Problem",
    "ProcessRow",
    "QueryBus",
    "QueryFailed",
    "QueryHandlerOptions",
    "QueryRejected",
    "QueryTimeout",
    "QueueStatistics",
    "Rate",
    "ReadOnlyTransaction",
    "Receipt",
    "RecordingEnded",
    "Replayed",
    "Retry",
    "RetryAfter",
    "RollbackOnly",
    "RoundRobinChannel",
    "RoutedChannel",
    "RunResult",
    "ScheduleNotFound",
    "ScheduleOptions",
    "ScheduleState",
    "SendOptions",
    "Sending",
    "ServiceMap",
    "Store",
    "StoreChannel",
    "StoreError",
    "StoreRefused",
    "StoreTrouble",
    "StoreUnavailable",
    "SubscribersFailed",
    "Supervision",
    "SupervisionChange",
    "SupervisionChanged",
    "SupervisionLeftOut",
    "SupervisionOptions",
    "SynchronousHealth",
    "TenantEnded",
    "TenantOptionsFailed",
    "TenantStarted",
    "TenantsNotRefreshed",
    "ThrottleFailed",
    "Tick",
    "TicksMissed",
    "TooManyTenants",
    "Transaction",
    "TransactionError",
    "UndecodableMessage",
    "Unfinished",
    "UnknownMessageType",
    "UnknownService",
    "UnknownTenant",
    "UnreachableHandler",
    "command",
    "detached",
    "event",
    "field",
    "header",
    "query",
]

for _thing in [globals()[name] for name in __all__]:  # a traceback shows `actorbus.NoHandler`
    _ours = str(getattr(_thing, "__module__", "")).startswith("actorbus.")
    if _ours and isinstance(_thing, type) and issubclass(_thing, BaseException):
        _thing.__module__ = "actorbus"
