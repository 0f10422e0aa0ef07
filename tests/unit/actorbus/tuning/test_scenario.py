"""An endpoint as a scenario: of a model, of a trace, and as an application declares it."""

import pickle
from dataclasses import dataclass

import pytest

from actorbus import ActorBus, Backoff, DynamicChannel, Retry, Supervision, field
from actorbus.tuning import EndpointScenario, search, traced
from actorbus.tuning._declared import declared
from supervisors import ConfigurationError
from supervisors.simulator import (
    DependencyOutage,
    Endpoint,
    EndpointTrace,
    Every,
    Fixed,
    Poison,
    Trace,
    Try,
)

AWAY = DependencyOutage(start=10, lasting=20)
MAIL = Endpoint("mail", Every(1.0), Fixed(0.1), [AWAY], backoff=Backoff(maximum=8.0))
SCENARIO = EndpointScenario(MAIL, until=60.0)


def with_maximum(seconds):
    return SCENARIO.baseline.changed({"backoff_maximum": seconds})


def test_the_settings_of_today_are_those_of_the_endpoint():
    endpoint = Endpoint("mail", Every(1.0), retry=Retry(attempts=2), breaker=7)

    assert EndpointScenario(endpoint, 1.0).baseline == Supervision(
        retry=Retry(attempts=2), breaker=7
    )


def test_a_run_has_the_figures_of_the_simulator():
    (load,) = SCENARIO.report(SCENARIO.baseline, 0).loads
    costs = SCENARIO.run(SCENARIO.baseline, 0)

    assert (costs.recovery, costs.load) == (load.recovery, load.calls_while_away)
    assert (costs.loss, costs.waiting) == (load.lost, load.waiting_mean)
    assert costs.load > 3


def test_shorter_waits_recover_sooner_and_put_more_load_on_the_dependency():
    hasty, patient = SCENARIO.run(with_maximum(0.5), 0), SCENARIO.run(with_maximum(30.0), 0)

    assert hasty.recovery < 1.0 < patient.recovery
    assert hasty.load > 2 * patient.load


def test_messages_that_always_fail_are_lost():
    endpoint = Endpoint("mail", Every(1.0), failures=[Poison(numbers=[2, 5])])

    assert EndpointScenario(endpoint, until=600.0).run(Supervision(), 0).loss == 2


def test_more_attempts_than_a_run_has_time_for_save_no_message_that_always_fails():
    endpoint = Endpoint("mail", Every(1.0), failures=[Poison(numbers=[2, 5])])
    scenario = EndpointScenario(endpoint, until=20.0)
    patient = scenario.baseline.changed({"retry_attempts": 12})

    (load,) = scenario.report(patient, 0).loads
    assert (load.lost, load.hopeless) == (0, 2)
    assert scenario.run(patient, 0).loss == scenario.run(scenario.baseline, 0).loss == 2


def test_runs_are_repeated_by_their_number_and_differ_by_it():
    def recovery(number, seed=0):
        return EndpointScenario(MAIL, 60.0, seed).run(SCENARIO.baseline, number).recovery

    assert recovery(1) == recovery(1)
    assert len({recovery(1), recovery(2), recovery(1, seed=5)}) == 3


def test_without_an_outage_there_is_nothing_to_recover_from():
    calm = EndpointScenario(Endpoint("mail", Every(1.0)), until=10.0)

    assert calm.run(Supervision(), 0) == (0.0, 0.0, 0.0, 0.0)


def test_an_exceeded_limit_restarts_the_channel_and_the_endpoint_goes_on():
    limited = SCENARIO.baseline.changed({"max_restarts": 2, "within": 60.0})

    (load,) = SCENARIO.report(limited, 0).loads
    assert load.handled > 30
    assert load.escalations > 0


def test_a_scenario_can_be_sent_to_a_worker_process():
    again = pickle.loads(pickle.dumps(SCENARIO))

    assert again.run(SCENARIO.baseline, 3) == SCENARIO.run(SCENARIO.baseline, 3)


def test_a_search_in_the_simulator_finds_shorter_waits():
    found = search(SCENARIO, budget=None, runs=60, quick=True)

    assert found.recommended.costs.recovery < found.baseline.costs.recovery
    assert found.recommended.settings.max_restarts is None


def recorded(name, *outcomes):
    arrivals = [(float(number), number) for number, _ in enumerate(outcomes, start=1)]
    tries = [
        Try(number, 1, float(number), 0.1, outcome)
        for number, outcome in enumerate(outcomes, start=1)
    ]
    backoff, retry = Backoff(maximum=3.0), Retry(attempts=2)
    return EndpointTrace(name, arrivals, tries, backoff=backoff, retry=retry, breaker=4)


def test_a_trace_is_replayed_with_the_settings_that_were_recorded():
    trace = Trace("shop", (recorded("mail", "ok", "outage", "outage", "ok", "ok"),), duration=9.0)

    scenario = traced(trace, "mail")

    assert scenario.baseline == Supervision(
        backoff=Backoff(maximum=3.0), retry=Retry(attempts=2), breaker=4
    )
    assert scenario.until == 9.0
    assert scenario.run(scenario.baseline, 0).load >= 1


def test_the_only_endpoint_that_failed_need_not_be_named():
    trace = Trace("shop", (recorded("calm", "ok"), recorded("mail", "outage", "ok")))

    assert traced(trace).endpoint.name == "mail"


@pytest.mark.parametrize(
    ("endpoints", "name", "words"),
    [
        (["mail"], "post", "endpoint='post' is not in the trace (endpoints: mail)"),
        (["mail", "post"], None, "2 endpoints of the trace have failed; name one: mail, post"),
        ([], None, "no endpoint of the trace has failed"),
    ],
)
def test_which_endpoint_of_a_trace_is_asked_for(endpoints, name, words):
    trace = Trace("shop", tuple(recorded(one, "outage", "ok") for one in endpoints))

    with pytest.raises(ConfigurationError) as refused:
        traced(trace, name)
    assert words in str(refused.value)


@dataclass(frozen=True)
class SendMail:
    town: str


@dataclass(frozen=True)
class SendPost:
    town: str


@pytest.fixture
def shop():
    bus = ActorBus("shop")
    bus.add_channel("mails", backoff=Backoff(maximum=7.0), retry=Retry(attempts=3), concurrency=4)
    bus.add_channel(DynamicChannel("posts", tenant=field("town"), backoff=Backoff(maximum=9.0)))

    @bus.command_handler(channel="mails", endpoint_id="mail", breaker=5)
    def mail(message: SendMail) -> None: ...

    @bus.command_handler(channel="posts", endpoint_id="post", retry=Retry(attempts=9))
    def post(message: SendPost) -> None: ...

    return bus


def test_an_endpoint_begins_with_what_its_channel_and_its_handler_declare(shop):
    mail, post = declared(shop, "mail"), declared(shop, "post")

    assert mail.settings == Supervision(
        backoff=Backoff(maximum=7.0), retry=Retry(attempts=3), breaker=5
    )
    assert (mail.concurrency, mail.max_in_flight) == (4, 100)
    assert post.settings == Supervision(backoff=Backoff(maximum=9.0), retry=Retry(attempts=9))


def test_an_endpoint_that_is_not_declared_is_refused_with_those_that_are(shop):
    with pytest.raises(ConfigurationError, match="did you mean 'mail'.*known: mail, post"):
        declared(shop, "mial")


def test_of_several_endpoints_one_has_to_be_named(shop):
    with pytest.raises(ConfigurationError, match="name an endpoint of a channel: mail, post"):
        declared(shop)
