"""Services that send to each other: a bus each, an inbox each, and a map of where the others are.

_wire           what two services agree on: the inbox's endpoint, the headers of our own
_service_map    service -> channel, and the keys of the events that each is sent
_gateway        DistributedBus, which users send with
_distribution   what was declared, and what of it is checked
_checks         the start-up checks of it
_sending        from a call to one copy for each service
_inbox          from what arrives to one copy for each handler; what empties an outbox
_counts         plain numbers of all that
"""
