"""Rules take the message, or the message and its headers; which, is found out once."""

import inspect

from actorbus import field
from actorbus.options._rules import ask, is_rule


class Unhashable:
    """A rule that cannot be kept in a dictionary."""

    __hash__ = None  # type: ignore[assignment]  # how Python says so

    def __call__(self, message, headers):
        return message, headers["tenant"]


def test_a_rule_of_one_parameter_gets_the_message_alone():
    assert ask(str.upper, "lh", {}) == "LH"


def test_a_rule_of_two_gets_the_headers_too():
    assert ask(lambda message, headers: (message, headers), "LH", {"a": "b"}) == ("LH", {"a": "b"})


def test_an_unhashable_rule_is_asked_as_any_other():
    assert is_rule(Unhashable())
    assert ask(Unhashable(), "LH", {"tenant": "north"}) == ("LH", "north")


def test_a_signature_is_looked_at_once(monkeypatch):
    rule = field("a name that no other test asks for")
    assert is_rule(rule)

    monkeypatch.delattr(inspect, "signature")

    assert ask(rule, {rule.name: 7}, {}) == 7
