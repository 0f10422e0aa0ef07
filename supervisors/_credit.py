"""How many messages to claim, and for whom: arithmetic without I/O.

Rules:
 1. An endpoint holds at most `limit` claimed messages: unstarted, running and uncommitted ones.
 2. It asks again when no more than `low_water` of them are unstarted, so that claims are batches
    and workers do not wait for the store while it claims the next.
"""


def free_places(limit: int, held: int, unstarted: int, low_water: int) -> int:
    """Return how many messages to ask for now; 0 while there is enough to do."""
    if unstarted > low_water:
        return 0
    return max(0, limit - held)
