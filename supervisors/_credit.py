"""How many messages to claim, and for whom: arithmetic without I/O.

Rules:
 1. An endpoint holds at most `limit` claimed messages: unstarted, running and uncommitted ones.
 2. It asks again when no more than `low_water` of them are unstarted, so that claims are batches
    and workers do not wait for the store while it claims the next.
 3. For less than a quarter of its limit it does not ask while more are about to be free, those
    whose settlements are on their way: a claim for the first of them costs what one for all does.
"""


def free_places(limit: int, held: int, unstarted: int, low_water: int, ending: int = 0) -> int:
    """Return how many messages to ask for now; 0 while there is enough to do.

    `ending` are those of the held ones whose settlements are on their way.
    """
    if unstarted > low_water:
        return 0
    free = limit - held
    return 0 if free < min(ending, limit // 4) else max(0, free)
