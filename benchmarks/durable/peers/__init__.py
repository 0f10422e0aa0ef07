"""The same work done by others.

Each module is a program: `MODULE fill URL N` and `MODULE drain URL N EFFECT [OPTIONS]`.

They run in environments of their own (see _environments), in which the rest of this project is not
installed: they may import only Python, their library and `benchmarks.durable._entries`. EFFECT is
`none` (the handler does nothing) or `insert` (it inserts one row). All use uvloop.
"""
