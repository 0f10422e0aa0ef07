"""What users program against: exactly these names, and the errors as they are drawn."""

import pickle
import re
from typing import Any

import pytest

import actorbus
from actorbus import _errors
from actorbus.messages._types import did_you_mean

NAMES = """
    ActorBus ActorBusError Answer Backoff Batch BatchFailed BrokerHealth
    BrokerRecovered BrokerTrouble BusConfigurationError BusHealth
    BusStateError BusinessInterface ByLoad ChannelHealth ChannelStalled CombinedChannel CommandBus
    Condition ConfigurationError DeadLetterFailed DeadLetterFilter DeadLetterGroup
    DeadLetterNotFound DeadLetterReason DeadLetterRow DistributedBus DistributedCounts
    DistributedGatewayOptions DistributedOptions DynamicChannel Ending EndpointHealth
    EndpointHealthy EndpointSick EndpointSupervision Envelope ErrorHandlerOptions EventBus
    FailedMessage Failure
    ForeignRecord GatewayListing GatewayOptions HandlerEnded HandlerOptions HandlerSpec
    HandlerTimeout Header Headers InstantRetry InvalidHeader InvalidMessage InvalidSendOption
    InvalidTenant Invocation KafkaChannel LateReply LeaseLost Letter Limits Marker MessageDied
    MessageDiverted MessageNotProduced MessageParked MessageRefused MessageRetried MessagesLetGo
    MessagesParked MessagesTakenBack NestedTooDeep NoHandler NotProceeded Ordering ParkedMessages
    PartitionsAssigned PartitionsRevoked
    Pause Payload PermanentError Preview Problem ProcessRow QueryBus QueryFailed
    QueryHandlerOptions QueryRejected QueryTimeout QueueStatistics Rate ReadOnlyTransaction
    Receipt RecordingEnded Replayed Retry RetryAfter RollbackOnly RoundRobinChannel RoutedChannel
    RunResult
    ScheduleNotFound ScheduleOptions ScheduleState SendOptions Sending ServiceMap Store
    StoreChannel StoreError StoreRefused StoreTrouble StoreUnavailable SubscribersFailed
    Supervision SupervisionChange SupervisionChanged SupervisionLeftOut SupervisionOptions
    SynchronousHealth TenantEnded TenantOptionsFailed TenantStarted TenantsNotRefreshed
    ThrottleFailed Tick TicksMissed TooManyTenants Transaction TransactionError UndecodableMessage
    Unfinished UnknownMessageType UnknownService UnknownTenant UnreachableHandler command detached
    event field header query
"""


def test_the_public_names_are_exactly_the_intended_ones():
    assert sorted(actorbus.__all__) == NAMES.split()


def test_every_public_name_is_there():
    assert [name for name in actorbus.__all__ if not hasattr(actorbus, name)] == []


def test_the_map_of_the_package_has_every_public_name():
    words = set(re.findall(r"\w+", str(actorbus.__doc__)))
    assert [name for name in actorbus.__all__ if name not in words] == []


def test_errors_say_where_they_are_had_from_and_survive_pickling():
    error = pickle.loads(pickle.dumps(actorbus.PermanentError("no")))
    assert repr(type(error)) == "<class 'actorbus.PermanentError'>"


def test_one_name_catches_what_is_refused_when_it_is_written_and_when_the_bus_starts():
    for refuse in (lambda: actorbus.Retry(attempts=0), actorbus.ActorBus("").check):
        with pytest.raises(actorbus.ConfigurationError):
            refuse()
    assert issubclass(actorbus.BusConfigurationError, actorbus.ActorBusError)


def test_the_tree_of_errors_is_drawn_as_it_is():
    drawn = re.findall(r"^    ([│ ]*)[├└]── (\w+)", _errors.__doc__, re.MULTILINE)
    parents = ["ActorBusError"]
    for indent, name in drawn:
        level = len(indent) // 4 + 1
        parents[level:] = [name]
        error = getattr(_errors, name)
        assert getattr(_errors, parents[level - 1]) in error.__mro__, name

    assert {name for _, name in drawn} == {
        name
        for name, value in vars(_errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
        if name not in {"ActorBusError", "ConfigurationError"}  # the latter is of `supervisors`
    }


def test_every_public_error_is_caught_by_one_name():
    """The store's too: a caller who wants all of the bus's errors names one."""
    public = [getattr(actorbus, name) for name in actorbus.__all__]
    errors = [one for one in public if isinstance(one, type) and issubclass(one, BaseException)]

    outside = [one for one in errors if not issubclass(one, actorbus.ActorBusError)]
    assert outside == [actorbus.ConfigurationError]
    assert actorbus.StoreUnavailable in errors


def test_a_bus_that_is_entered_without_async_says_what_to_write():
    running: Any = actorbus.ActorBus("shop").running()
    with pytest.raises(TypeError, match=r"async with bus\.running\(\).*running_in_thread"), running:
        pass


def test_what_is_known_is_named_once():
    assert did_you_mean("mial", ["mail", "mail"]) == "; did you mean 'mail'? (known: mail)"
