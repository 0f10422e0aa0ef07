"""Actors on trio, behind Pykka's API, supervised.

what you subclass    Actor, BlockingActor, Supervisor
what you hold        ActorSystem, ActorRef, Reply, Terminated (the notice of a death watch)
what passes on       RoundRobin, ConsistentHash, DynamicRouter and more; `actors.routers`
how it is run        Mailbox; strategies, ChildSpec and Backoff are in `supervisors`
how it is changed    ActorSupervision, OwnSupervision; `system.supervise`, `ref.supervision`
what you see         SystemSnapshot, ActorSnapshot, MailboxStatistics; `actors.events`
errors               ActorError and its kinds; Pykka's ActorDeadError and Timeout
functions            process_problem: why one cannot run in a worker process
"""

from actors import events as events
from actors._actor import Actor as Actor
from actors._blocking import BlockingActor as BlockingActor
from actors._context import ActorContext as ActorContext
from actors._errors import ActorDeadError as ActorDeadError
from actors._errors import ActorError as ActorError
from actors._errors import ActorRestarted as ActorRestarted
from actors._errors import BlockingCall as BlockingCall
from actors._errors import HandlerTimedOut as HandlerTimedOut
from actors._errors import MailboxFull as MailboxFull
from actors._errors import NameTaken as NameTaken
from actors._errors import NotPicklable as NotPicklable
from actors._errors import RemoteTraceback as RemoteTraceback
from actors._errors import ReplyCancelled as ReplyCancelled
from actors._errors import SystemFailed as SystemFailed
from actors._errors import Timeout as Timeout
from actors._errors import WorkerDied as WorkerDied
from actors._events import EventStream as EventStream
from actors._events import Subscription as Subscription
from actors._mailbox import Mailbox as Mailbox
from actors._mailbox import MailboxStatistics as MailboxStatistics
from actors._process_call import process_problem as process_problem
from actors._ref import ActorRef as ActorRef
from actors._reply import Reply as Reply
from actors._snapshot import ActorSnapshot as ActorSnapshot
from actors._snapshot import SystemSnapshot as SystemSnapshot
from actors._statistics import ActorStatistics as ActorStatistics
from actors._statistics import SupervisionStatistics as SupervisionStatistics
from actors._statistics import SystemStatistics as SystemStatistics
from actors._supervising import ActorSupervision as ActorSupervision
from actors._supervising import OwnSupervision as OwnSupervision
from actors._supervisor import Supervisor as Supervisor
from actors._system import ActorSystem as ActorSystem
from actors._timers import Timer as Timer
from actors._watch import Terminated as Terminated
from actors.routers import Broadcast as Broadcast
from actors.routers import ConsistentHash as ConsistentHash
from actors.routers import DynamicRouter as DynamicRouter
from actors.routers import FirstAnswer as FirstAnswer
from actors.routers import Random as Random
from actors.routers import RoundRobin as RoundRobin
from actors.routers import Router as Router
from actors.routers import SmallestMailbox as SmallestMailbox

__all__ = [
    "Actor",
    "ActorContext",
    "ActorDeadError",
    "ActorError",
    "ActorRef",
    "ActorRestarted",
    "ActorSnapshot",
    "ActorStatistics",
    "ActorSupervision",
    "ActorSystem",
    "BlockingActor",
    "BlockingCall",
    "Broadcast",
    "ConsistentHash",
    "DynamicRouter",
    "EventStream",
    "FirstAnswer",
    "HandlerTimedOut",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "NameTaken",
    "NotPicklable",
    "OwnSupervision",
    "Random",
    "RemoteTraceback",
    "Reply",
    "ReplyCancelled",
    "RoundRobin",
    "Router",
    "SmallestMailbox",
    "Subscription",
    "SupervisionStatistics",
    "Supervisor",
    "SystemFailed",
    "SystemSnapshot",
    "SystemStatistics",
    "Terminated",
    "Timeout",
    "Timer",
    "WorkerDied",
    "events",
    "process_problem",
]
