"""Decisions about failures: (state, event, now, draw) -> decision, as values and pure functions.

    options      OneForOne, OneForAll, RestForOne   whom a restart takes along, and the limits
                 Backoff, Intensity                 how long to wait; how often is too often
                 Retry, Redeliver                   the same for messages, counted apart
                 ChildSpec, check_children          a child as plain data; contradictions refused
    judging      Directive, Decider, decide         from an exception to a directive
    for runtimes ChildState, Failure                what is remembered, what happened
                 strategy.decide(...) -> Decision   what to do; the states to store with it
                 Status, LifecycleEvent             a child's life as a table
    endpoints    Verdict, next_try -> NextTry       whose a message's failure is; what becomes of it
                 DependencyHealth, free_places      sick, probing, healthy; how much to hold
                 draw_stream                        jitter that a seed and a path repeat
    tuning       simulate                           replay failures before production does
    errors       ConfigurationError, LifecycleError, RestartsExhausted

Nothing here reads a clock, draws a random number, starts a thread or does I/O.
"""

from ._backoff import Backoff as Backoff
from ._backoff import BackoffState as BackoffState
from ._backoff import Phase as Phase
from ._credit import free_places as free_places
from ._decider import DecideFunction as DecideFunction
from ._decider import Decider as Decider
from ._decider import ExceptionTypes as ExceptionTypes
from ._decider import decide as decide
from ._decider import default_decider as default_decider
from ._decider import fails_on_ask as fails_on_ask
from ._decider import leaves as leaves
from ._decision import Decision as Decision
from ._decision import EscalateFailure as EscalateFailure
from ._decision import RestartChildren as RestartChildren
from ._decision import ResumeChild as ResumeChild
from ._decision import StopChild as StopChild
from ._dependency import DependencyHealth as DependencyHealth
from ._dependency import Health as Health
from ._directive import EFFECTIVE as EFFECTIVE
from ._directive import Directive as Directive
from ._directive import RestartKind as RestartKind
from ._disposition import Disposition as Disposition
from ._disposition import Fate as Fate
from ._disposition import Redeliver as Redeliver
from ._disposition import fate as fate
from ._draws import DrawStream as DrawStream
from ._draws import draw_stream as draw_stream
from ._errors import ConfigurationError as ConfigurationError
from ._errors import LifecycleError as LifecycleError
from ._errors import RestartsExhausted as RestartsExhausted
from ._family import check_children as check_children
from ._intensity import Intensity as Intensity
from ._intensity import Window as Window
from ._lifecycle import TRANSITIONS as TRANSITIONS
from ._lifecycle import LifecycleEvent as LifecycleEvent
from ._lifecycle import Status as Status
from ._lifecycle import transition as transition
from ._retry import Retry as Retry
from ._spec import ChildSpec as ChildSpec
from ._state import ChildState as ChildState
from ._state import Failure as Failure
from ._strategy import Children as Children
from ._strategy import OnGiveUp as OnGiveUp
from ._strategy import Strategy as Strategy
from ._verdict import GiveUpMessage as GiveUpMessage
from ._verdict import NextTry as NextTry
from ._verdict import ReleaseMessage as ReleaseMessage
from ._verdict import TryAgain as TryAgain
from ._verdict import Verdict as Verdict
from ._verdict import next_try as next_try
from .simulator import simulate as simulate
from .strategies import OneForAll as OneForAll
from .strategies import OneForOne as OneForOne
from .strategies import RestForOne as RestForOne

__all__ = [
    "EFFECTIVE",
    "TRANSITIONS",
    "Backoff",
    "BackoffState",
    "ChildSpec",
    "ChildState",
    "Children",
    "ConfigurationError",
    "DecideFunction",
    "Decider",
    "Decision",
    "DependencyHealth",
    "Directive",
    "Disposition",
    "DrawStream",
    "EscalateFailure",
    "ExceptionTypes",
    "Failure",
    "Fate",
    "GiveUpMessage",
    "Health",
    "Intensity",
    "LifecycleError",
    "LifecycleEvent",
    "NextTry",
    "OnGiveUp",
    "OneForAll",
    "OneForOne",
    "Phase",
    "Redeliver",
    "ReleaseMessage",
    "RestForOne",
    "RestartChildren",
    "RestartKind",
    "RestartsExhausted",
    "ResumeChild",
    "Retry",
    "Status",
    "StopChild",
    "Strategy",
    "TryAgain",
    "Verdict",
    "Window",
    "check_children",
    "decide",
    "default_decider",
    "draw_stream",
    "fails_on_ask",
    "fate",
    "free_places",
    "leaves",
    "next_try",
    "simulate",
    "transition",
]
