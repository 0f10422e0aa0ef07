"""What two services agree on: how a message for another one is addressed, and what it carries.

A service has one endpoint, its inbox, whatever handlers it has behind it. The name that the sender
gave, a routing key, travels as the message's type name; the rest travels in headers of our own.
"""

from typing import Final, Literal

Reach = Literal["command", "event", "message"]
"""What a message is for: the handler of a command, subscribers, or one endpoint by its id."""

PREFIX: Final = "actorbus-"
"""What the names of our own headers begin with; nobody else may set them."""
SOURCE: Final = "actorbus-source"
"""The header that names the service which sent the message."""
REACH: Final = "actorbus-kind"
"""The header that says what the message is for."""


def inbox_endpoint(service: str) -> str:
    """Return the endpoint id of a service's inbox."""
    return f"service:{service}"


def relay_endpoint(sender: str, service_map: str, service: str) -> str:
    """Return the id of the endpoint that takes what `sender` has for a service out of an outbox."""
    return f"relay:{sender}:{service_map}:{service}"
