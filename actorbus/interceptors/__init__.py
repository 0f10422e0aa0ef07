"""Interceptors: functions that are called around handlers and sends.

_passage     what they are given: `Invocation` at a handler, `Sending` at a gateway
_markers     what handlers and messages say about themselves, for them to act on
_targets     what they are for
_declared    how they are declared and checked
_chain       how they are called: put together once, when the bus starts
_gates       where what is sent passes them

Built in: `Logging`, `Timeout`, `Validation`, `Authorisation`, `Metrics`; each is given to
`bus.intercept(...)`.
"""

from actorbus.interceptors._authorisation import Authorisation as Authorisation
from actorbus.interceptors._authorisation import NotAuthorised as NotAuthorised
from actorbus.interceptors._logging import Logging as Logging
from actorbus.interceptors._logging import MessageContextFilter as MessageContextFilter
from actorbus.interceptors._logging import add_message_context as add_message_context
from actorbus.interceptors._logging import message_context as message_context
from actorbus.interceptors._markers import Marker as Marker
from actorbus.interceptors._metrics import Measurement as Measurement
from actorbus.interceptors._metrics import Metrics as Metrics
from actorbus.interceptors._passage import Invocation as Invocation
from actorbus.interceptors._passage import Passage as Passage
from actorbus.interceptors._passage import Sending as Sending
from actorbus.interceptors._timeout import Timeout as Timeout
from actorbus.interceptors._validation import Validation as Validation

__all__ = [
    "Authorisation",
    "Invocation",
    "Logging",
    "Marker",
    "Measurement",
    "MessageContextFilter",
    "Metrics",
    "NotAuthorised",
    "Passage",
    "Sending",
    "Timeout",
    "Validation",
    "add_message_context",
    "message_context",
]
