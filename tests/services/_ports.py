"""Free ports below those that the system gives to outgoing connections."""

import random
import socket

HOST = "127.0.0.1"
FIRST, LAST = 15_000, 32_000
_random = random.SystemRandom()  # not the seeded one: two sessions would draw the same ports


def free_port() -> int:
    """Return a port that nobody listens on; servers that lose it to another one are started anew.

    Drawn from a wide range, so that a server which is restarted finds its own port free again.
    """
    while True:
        port = _random.randrange(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def accepts(port: int, host: str = HOST) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0
