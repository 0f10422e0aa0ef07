"""Routers: actors that pass on what they are sent, to a pool of their own or to given actors.

    to one of several        RoundRobin, Random, SmallestMailbox
    by a key, in order       ConsistentHash
    to all of them           Broadcast (answers with all answers), FirstAnswer
    one actor per key        DynamicRouter (made on demand, reaped when idle, served in turn)
    what they understand     Resize, GetRoutees, ToAll
    pools that grow          Elastic
    a router of your own     Router: override `choose`
    errors                   UnknownKey

Messages of one sender through one router to one routee keep their order. Routers run on trio.
"""

from actors.routers._dynamic import DynamicRouter as DynamicRouter
from actors.routers._elastic import Elastic as Elastic
from actors.routers._errors import UnknownKey as UnknownKey
from actors.routers._gather import Broadcast as Broadcast
from actors.routers._gather import FirstAnswer as FirstAnswer
from actors.routers._hash import stable_hash as stable_hash
from actors.routers._one_of import Random as Random
from actors.routers._one_of import RoundRobin as RoundRobin
from actors.routers._one_of import SmallestMailbox as SmallestMailbox
from actors.routers._ordered import ConsistentHash as ConsistentHash
from actors.routers._router import GetRoutees as GetRoutees
from actors.routers._router import Resize as Resize
from actors.routers._router import Router as Router
from actors.routers._router import ToAll as ToAll

__all__ = [
    "Broadcast",
    "ConsistentHash",
    "DynamicRouter",
    "Elastic",
    "FirstAnswer",
    "GetRoutees",
    "Random",
    "Resize",
    "RoundRobin",
    "Router",
    "SmallestMailbox",
    "ToAll",
    "UnknownKey",
    "stable_hash",
]
