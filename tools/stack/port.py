"""Free loopback ports that stay free while a server is down for a moment."""

import random
import socket

from .error import StackError


def _outgoing_range() -> tuple[int, int]:
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as source:
        low, high = source.read().split()
    return int(low), int(high)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do it: connections of an earlier life in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken: set[int] = frozenset()) -> int:
    """A port outside the kernel's range for outgoing connections, not among `taken`.

    Binding port 0 gives one inside that range; while a test has the server stopped, any client's
    connection may be given the same number, and the server could not come back to its address.
    """
    low, high = _outgoing_range()
    candidates = [port for port in range(15000, 65000) if not low <= port <= high and port not in taken]
    random.shuffle(candidates)
    for port in candidates[:200]:
        if is_free(port):
            return port
    raise StackError("no free loopback port found")
