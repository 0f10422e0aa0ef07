"""The runtime beside other actors, as ratios of speed, and alone: the suite `actors`.

plain, coroutines, alone    what our actors do, as the program `probe`
pykka_peer                  the same work done by others, each in an environment of its own
"""
