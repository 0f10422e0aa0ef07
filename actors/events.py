"""The events of a system, typed: see `ActorSystem.events`."""

from actors._events import BackingOff as BackingOff
from actors._events import DeadLetter as DeadLetter
from actors._events import Escalated as Escalated
from actors._events import Event as Event
from actors._events import EventStream as EventStream
from actors._events import Failed as Failed
from actors._events import GaveUp as GaveUp
from actors._events import HandlerStuck as HandlerStuck
from actors._events import HookFailed as HookFailed
from actors._events import LoopBlocked as LoopBlocked
from actors._events import MailboxOverflow as MailboxOverflow
from actors._events import Overran as Overran
from actors._events import PoolFull as PoolFull
from actors._events import Restarted as Restarted
from actors._events import Resumed as Resumed
from actors._events import Started as Started
from actors._events import Stopped as Stopped
from actors._events import StopReason as StopReason
from actors._events import Subscription as Subscription
from actors._events import SupervisionReplaced as SupervisionReplaced
from actors._events import Undelivered as Undelivered
