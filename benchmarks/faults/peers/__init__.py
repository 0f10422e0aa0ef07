"""Workers of other libraries: they say which job they begin, until they are killed or told to stop.

Each module is a program: `MODULE fill URL N` and `MODULE work URL LEASE`. They run in environments
of their own, with nothing of this project but `_worker`. Handlers take 20 ms, ten at once.
"""
