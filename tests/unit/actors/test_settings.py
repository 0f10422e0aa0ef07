"""The keywords of an actor's class, and what a spec changes of them."""

from datetime import timedelta

import pytest

from actors import Actor, Mailbox
from supervisors import ChildSpec, ConfigurationError


def test_the_keywords_of_a_class_are_checked_and_inherited():
    class Base(Actor, restart="permanent", shutdown_timeout=timedelta(seconds=2)):
        pass

    class Derived(Base, mailbox=5):
        pass

    assert Derived._settings.restart == "permanent"
    assert Derived._settings.shutdown_timeout == 2.0
    assert Derived._settings.mailbox == Mailbox(capacity=5)
    assert Base._settings.mailbox == Mailbox()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"restarts": "permanent"}, "restarts="),
        ({"restart": "sometimes"}, "sometimes"),
        ({"runs_on": "twisted"}, "twisted"),
        ({"mailbox": "big"}, "big"),
        ({"handler_timeout": -1}, "handler_timeout"),
    ],
)
def test_a_keyword_that_means_nothing_is_refused_by_name(options, named):
    with pytest.raises(ConfigurationError, match=named):
        type("Wrong", (Actor,), {}, **options)


def test_a_spec_replaces_what_the_class_says_but_for_what_only_a_class_can_say():
    class Base(Actor, restart="permanent", mailbox=5, drain=True):
        pass

    settings = Base._settings.with_spec(ChildSpec(Base, restart="temporary"))
    assert (settings.restart, settings.mailbox.capacity, settings.drain) == ("temporary", 5, True)
