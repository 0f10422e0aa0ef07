"""Simulated messages: queues, retries, outages, workers with mailboxes, and trees."""

from math import isnan

import pytest

from supervisors import (
    Backoff,
    ConfigurationError,
    Directive,
    EscalateFailure,
    GiveUpMessage,
    Health,
    Intensity,
    OneForAll,
    OneForOne,
    Redeliver,
    ReleaseMessage,
    Retry,
    TryAgain,
    simulate,
)
from supervisors.simulator import (
    FIGURES,
    Bursts,
    Crash,
    DependencyOutage,
    DependencyOutages,
    Endpoint,
    Every,
    Exponential,
    FailureBursts,
    Fixed,
    Independent,
    MessageStep,
    Outage,
    Poison,
    Poisson,
    RecordedArrivals,
    Tree,
    Worker,
)

FOREVER = OneForOne(max_restarts=None)
STEADY = Backoff(initial=2, factor=1, maximum=2, jitter=0, first_immediate=False)
NO_JITTER = Retry(attempts=3, initial=1, factor=2, jitter=0)


def load(child, until=100.0, strategy=FOREVER, **options):
    return simulate(strategy, [child], until=until, **options).total


# -- waiting ---------------------------------------------------------------------------------------


def test_a_queue_waits_as_the_formula_of_erlang_says():
    """Two servers, each busy for 0.8 of the time: a message has to wait with a chance of 0.7111."""
    queue = Endpoint("mail", Poisson(160), Exponential(0.01), concurrency=2)

    found = load(queue, until=600)

    assert found.waiting_mean == pytest.approx(0.01 * 0.7111 / (2 * 0.2), rel=0.1)
    assert found.handled + found.left == found.arrived


def test_waiting_is_from_the_arrival_to_the_begin_of_the_try_that_handled_it():
    mail = Endpoint(
        "mail", RecordedArrivals([0, 1]), Fixed(3), [Poison(numbers=[1], attempts=1)],
        retry=NO_JITTER, concurrency=1,
    )  # fmt: skip

    found = load(mail)

    assert found.waits == [0.0, 3 + 3 + 1 - 1]
    assert (found.waiting_p50, found.waiting_p99, found.waiting_mean) == (0.0, 6.0, 3.0)


def test_the_deepest_mailbox_is_the_most_that_waited():
    found = load(Endpoint("mail", RecordedArrivals([1] * 7), Fixed(1), concurrency=2))

    assert (found.deepest_mailbox, found.handled) == (5, 7)


@pytest.mark.parametrize(
    ("overflow", "waits"), [("drop_newest", [0, 10, 20]), ("drop_oldest", [0, 7, 17])]
)
def test_a_full_mailbox_drops(overflow, waits):
    mail = Endpoint(
        "mail", RecordedArrivals([0, 0, 0, 3, 3]), Fixed(10),
        concurrency=1, mailbox=2, overflow=overflow,
    )  # fmt: skip

    found = load(mail)

    assert (found.dropped, found.lost, found.handled) == (2, 2, 3)
    assert found.waits == waits


def test_messages_that_waited_before_the_beginning_have_waited_longer():
    assert load(Endpoint("mail", RecordedArrivals([-5, 2]), Fixed(1))).waits == [0.0, 5.0]


# -- failures --------------------------------------------------------------------------------------


def test_a_failed_message_is_tried_again_until_its_attempts_are_used_up():
    mail = Endpoint("mail", RecordedArrivals([1]), Fixed(1), [Poison(1.0)], retry=NO_JITTER)

    report = simulate(FOREVER, [mail], until=100)

    assert report.messages == (
        MessageStep(2, "mail", 0, 1, TryAgain(1)),
        MessageStep(4, "mail", 0, 2, TryAgain(2)),
        MessageStep(7, "mail", 0, 3, GiveUpMessage()),
    )
    found = report.total
    assert (found.started, found.retried, found.dead_lettered, found.given_up) == (3, 2, 1, 1)


def test_a_permanent_failure_is_a_dead_letter_at_once_and_nothing_was_used_up():
    found = load(Endpoint("mail", Every(1), failures=[Poison(1.0, kind="permanent")]), until=9)

    assert (found.started, found.dead_lettered, found.given_up) == (10, 10, 0)


def test_independent_failures_have_their_chance():
    mail = Endpoint("mail", Poisson(100), failures=[Independent(0.1)], retry=Retry(1))

    found = load(mail, until=300)

    assert found.dead_lettered / found.arrived == pytest.approx(0.1, rel=0.1)


def test_bursts_of_failures_last_their_share_of_the_time():
    bursts = FailureBursts(every=9, lasting=1, rate=0.5)

    found = load(Endpoint("mail", Poisson(20), failures=[bursts], retry=Retry(1)), until=5_000)

    assert found.dead_lettered / found.arrived == pytest.approx(0.05, rel=0.15)


def test_the_same_share_of_messages_is_poison_under_each_strategy():
    def dead(retry):
        mail = Endpoint("mail", Poisson(10), Fixed(0.01), [Poison(0.1)], retry=retry)
        messages = simulate(FOREVER, [mail], until=100).messages
        return [one.message for one in messages if one.outcome == GiveUpMessage()]

    first = dead(Retry(1))
    assert sorted(dead(Retry(2, initial=0.1)))[:50] == first[:50]
    assert len(first) == pytest.approx(100, abs=30)


# -- outages ---------------------------------------------------------------------------------------


def outage_report(**options):
    mail = Endpoint(
        "mail", Every(1, first=0.5), Fixed(0.1), [DependencyOutage(10, 5, fails_after=0.2)],
        backoff=STEADY, **options,
    )  # fmt: skip
    return simulate(FOREVER, [mail], until=60)


def test_an_endpoint_falls_sick_rests_and_probes_with_one_message():
    report = outage_report()

    assert [one.health for one in report.health] == [*[Health.SICK] * 3, Health.HEALTHY]
    assert [one.at for one in report.health] == pytest.approx([10.7, 12.9, 15.1, 17.2])
    assert [one.at for one in report.steps] == pytest.approx([10.7, 12.9, 15.1])


def test_an_outage_costs_no_attempt_and_no_message():
    found = outage_report().total

    assert (found.retried, found.dead_lettered, found.calls_while_away) == (0, 0, 3)
    assert found.handled == found.arrived == 60
    assert (found.outages, found.restarts) == (3, 3)


def test_recovery_is_from_the_return_of_the_dependency_to_the_first_success():
    found = outage_report().total

    assert found.recovery_times == pytest.approx([2.2])
    assert found.recovery == pytest.approx(2.2)
    assert found.availability == pytest.approx(1 - (17.2 - 10.7) / 60)


def test_a_recovery_that_still_lasts_at_the_end_is_counted_until_then():
    """A strategy that never finds its dependency again must not look like one that is quick."""
    patient = Backoff(initial=500, maximum=500, first_immediate=False)
    mail = Endpoint("mail", Every(1), Fixed(0.1), [DependencyOutage(10, 5)], backoff=patient)

    assert load(mail, until=60).recovery_times == pytest.approx([45.0])


def test_an_outage_that_no_call_met_needs_no_recovery():
    mail = Endpoint("mail", RecordedArrivals([1]), Fixed(1), [DependencyOutage(10, 5)])

    found = load(mail)

    assert found.recovery_times == ()
    assert isnan(found.recovery)


def test_a_call_under_way_when_the_dependency_goes_away_fails_then():
    mail = Endpoint("mail", RecordedArrivals([1]), Fixed(60), [DependencyOutage(10, 5)])

    sick, *_ = simulate(FOREVER, [mail], until=11).health

    assert sick.at == 10


def test_endpoints_share_the_outages_of_one_dependency():
    away = [DependencyOutages("gateway", every=100, lasting=10)]
    names = ("mail", "text")
    both = [Endpoint(name, Every(0.1), failures=away, backoff=STEADY) for name in names]

    report = simulate(FOREVER, both, until=2_000)

    first = {one.endpoint: one.at for one in reversed(report.health)}
    assert first["mail"] == first["text"]
    assert report.total.outages == sum(one.outages for one in report.loads)


def test_a_breaker_makes_other_failures_in_a_row_an_outage():
    mail = Endpoint("mail", Every(1), failures=[Independent(1.0)], retry=NO_JITTER, breaker=3)

    assert load(mail, until=2.5, strategy=OneForOne(None, backoff=STEADY)).outages == 1


def test_an_endpoint_that_gives_up_ends():
    strategy = OneForOne(0, on_give_up="stop")
    mail = Endpoint("mail", Every(1), failures=[DependencyOutage(10, 5)])

    report = simulate(strategy, [mail], until=60)

    assert (report.gave_up, report.child("mail").ended_at) == (("mail",), 10)
    assert report.total.left == report.total.arrived - report.total.handled == 51


def test_what_an_endpoint_runs_is_given_back_when_its_group_restarts():
    mail = Endpoint("mail", RecordedArrivals([1]), Fixed(10))

    report = simulate(OneForAll(), [mail, "db"], [Crash("db", 5)], until=60)

    found = report.total
    assert (found.released, found.started, found.handled, found.waits) == (1, 2, 1, [4.0])


# -- workers ---------------------------------------------------------------------------------------


def test_a_workers_failure_is_its_supervisors_to_judge():
    clerk = Worker("clerk", Every(1), Fixed(0.5), [Poison(numbers=[2])], backoff=STEADY)

    report = simulate(FOREVER, [clerk], until=20)

    assert [one.at for one in report.steps] == [2.5]
    found = report.total
    assert (found.restarts, found.dead_lettered, found.deepest_mailbox) == (1, 1, 2)
    assert report.child("clerk").downtime == 2.0


@pytest.mark.parametrize(
    ("disposition", "dead", "dropped", "restarts"),
    [("dead_letter", 1, 0, 1), ("discard", 0, 1, 1), (Redeliver(3), 1, 0, 3)],
)
def test_the_message_in_hand_goes_as_its_disposition_says(disposition, dead, dropped, restarts):
    clerk = Worker(
        "clerk", Every(1), Fixed(0.1), [Poison(numbers=[2])], disposition=disposition
    )  # fmt: skip

    found = load(clerk, until=20.5)

    assert (found.dead_lettered, found.dropped, found.restarts) == (dead, dropped, restarts)
    assert found.handled == 20


def test_a_workers_mailbox_is_bounded():
    found = load(Worker("clerk", Every(1), Fixed(10), mailbox=3), until=99.5)

    assert found.deepest_mailbox == 3
    assert found.dropped == found.arrived - found.handled - found.left > 80


def test_an_actor_that_ended_takes_no_messages():
    clerk = Worker("clerk", Every(1), failures=[Poison(numbers=[3])])

    found = load(clerk, until=9.5, strategy=OneForOne(0, on_give_up="stop"))

    assert (found.handled, found.dead_lettered, found.dropped) == (3, 1, 6)


def test_a_decider_may_let_a_worker_go_on():
    strategy = OneForOne(decider={Exception: Directive.Resume})

    found = load(Worker("clerk", Every(1), failures=[Independent(1.0)]), 9.5, strategy)

    assert (found.restarts, found.dead_lettered, found.availability) == (0, 10, 1.0)


def test_starts_may_need_the_dependency_too():
    clerk = Worker(
        "clerk", Every(1), Fixed(0.1), [DependencyOutage(10, 5)],
        starts_need_dependency=True, backoff=STEADY,
    )  # fmt: skip

    report = simulate(FOREVER, [clerk], until=30)

    assert report.child("clerk").failed_starts == 2
    assert report.total.calls_while_away == 3
    assert report.total.dead_lettered == 1


# -- trees -----------------------------------------------------------------------------------------


def test_a_tree_that_gives_up_fails_its_supervisor_and_is_made_anew():
    tree = Tree("shop", OneForOne(1, within=60, backoff=None), ["db", "mail"])
    plan = [Crash("shop/db", at) for at in (10, 20)]

    report = simulate(OneForOne(backoff=STEADY), [tree], plan, until=100)

    decided = [(one.at, one.supervisor, type(one.decision).__name__) for one in report.steps]
    assert decided == [
        (10, "shop", "RestartChildren"),
        (20, "shop", "EscalateFailure"),
        (20, "", "RestartChildren"),
    ]
    assert [report.child(name).downtime for name in ("shop", "shop/db", "shop/mail")] == [2, 2, 2]
    assert report.child("shop/db").restarts == 2
    assert report.child("shop/mail").restarts == 1


def test_a_tree_made_anew_has_forgotten_its_restarts():
    tree = Tree("shop", OneForOne(1, within=60, backoff=None), ["db"])
    plan = [Crash("shop/db", at) for at in (10, 20, 30)]

    report = simulate(OneForOne(backoff=STEADY), [tree], plan, until=100)

    assert sum(isinstance(one.decision, EscalateFailure) for one in report.steps) == 1


def test_an_escalation_at_the_root_is_the_end():
    tree = Tree("shop", OneForOne(0), [Endpoint("mail", Every(1))])

    report = simulate(OneForOne(0), [tree], [Crash("shop/mail", 5.5)], until=10)

    assert (report.escalated_at, report.gave_up) == (5.5, ("shop/mail", "shop"))
    assert report.load("shop/mail").escalations == 1
    assert report.load("shop/mail").handled == 6


def test_the_mailboxes_of_a_tree_end_with_it():
    clerk = Worker("clerk", RecordedArrivals([1, 1, 1, 7, 12]), Fixed(5))
    tree = Tree("shop", OneForOne(0), [clerk, "db"])

    found = simulate(OneForOne(backoff=STEADY), [tree], [Crash("shop/db", 6.5)], until=60).total

    assert (found.handled, found.dead_lettered, found.dropped) == (2, 2, 1)


def test_restarts_without_delay_and_without_end_are_refused():
    tree = Tree("shop", OneForOne(0), ["db"])

    with pytest.raises(ConfigurationError, match="no end of restarts without delay"):
        simulate(OneForOne(None, backoff=None), [tree], [Outage("shop/db", 0, 5)], until=10)


def test_an_outage_of_a_childs_starts_in_a_tree():
    tree = Tree("shop", OneForOne(None, backoff=STEADY), ["db"])

    report = simulate(FOREVER, [tree], [Outage("shop/db", 0, 5)], until=10)

    assert [one.at for one in report.steps] == [0, 2, 4]
    assert report.child("shop").downtime == 0


# -- runs and reports ------------------------------------------------------------------------------


def mail(**options):
    return Endpoint("mail", Poisson(20), Exponential(0.1), [Independent(0.1)], **options)


def test_the_same_seed_gives_the_same_report():
    reports = [simulate(FOREVER, [mail()], until=50, seed=seed) for seed in (1, 1, 2)]

    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_strategies_under_one_seed_meet_the_same_messages():
    short = load(mail(retry=Retry(2)), seed=3)
    long = load(mail(retry=Retry(9)), seed=3)

    assert short.arrived == long.arrived
    assert short.dead_lettered > long.dead_lettered


def test_runs_give_each_figure_with_its_interval():
    runs = simulate(FOREVER, [mail()], until=50, runs=5)

    figures = runs.figures()
    assert set(figures) == set(FIGURES)
    assert figures["arrived"].low < 1000 < figures["arrived"].high
    assert len(set(figures["handled"].values)) == 5
    assert isnan(figures["recovery"].mean)
    assert runs.reports[0] == simulate(FOREVER, [mail()], until=50)
    assert runs.figure("arrived", "mail") == figures["arrived"]
    with pytest.raises(KeyError, match="no figure is called 'speed'"):
        runs.figure("speed")


def test_the_total_sums_up_what_can_be_summed_up():
    both = [Endpoint(name, Bursts(5, 20), Fixed(0.1), concurrency=2) for name in "ab"]

    report = simulate(FOREVER, both, until=500)

    one, other, total = report.load("a"), report.load("b"), report.total
    assert total.handled == one.handled + other.handled
    assert total.deepest_mailbox == max(one.deepest_mailbox, other.deepest_mailbox)
    assert total.waits == sorted([*one.waits, *other.waits])
    assert total.figures()["availability"] == 1.0


def test_steps_need_not_be_kept():
    report = simulate(FOREVER, [mail()], until=50, keep_steps=False)

    assert report.timeline == ()
    assert report.total == load(mail(), until=50)


def test_events_are_arrivals_begun_and_ended_tries_and_decisions():
    report = simulate(FOREVER, [mail()], until=50)

    found = report.total
    ended = found.handled + found.retried + found.dead_lettered
    assert report.events == found.arrived + found.started + ended + len(report.timeline)


def test_a_simulation_without_messages_has_no_total():
    with pytest.raises(KeyError, match="handles messages"):
        _ = simulate(FOREVER, ["a"], until=1).total


def test_what_the_arguments_may_not_be():
    tree = Tree("shop", OneForAll(), [mail(intensity=Intensity(1))])
    with pytest.raises(ConfigurationError, match="counts restarts for all its children"):
        simulate(FOREVER, [tree], until=1)
    with pytest.raises(ConfigurationError, match="'shop/db', which is none of the children"):
        simulate(FOREVER, [tree], [Crash("shop/db", 1)], until=1)
    with pytest.raises(ConfigurationError, match="2 problems"):
        simulate(FOREVER, [mail()], until=1, runs=0, confidence=1.0)


def test_a_released_try_is_a_step_of_its_own():
    assert [one.outcome for one in outage_report().messages] == [ReleaseMessage()] * 3
