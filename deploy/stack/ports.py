"""Free ports of 127.0.0.1."""

import random
import socket
import threading
from pathlib import Path
from typing import Final

from deploy.stack.errors import StackError

HOST: Final = "127.0.0.1"
LOWEST: Final = 15_000
ATTEMPTS: Final = 1000
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL: Final = 32_768
_given: set[int] = set()
_lock: Final = threading.Lock()


def free_port(preferred: int | None = None) -> int:
    """A port that nobody listens on, and that this process was not given before.

    It lies below those that the system gives to outgoing connections: a client that keeps trying a port of that range
    while nobody listens there will in the end get that very port as its own, and keep the server out.

    Args:
        preferred: taken if it is free.

    Raises:
        StackError: there is none.
    """
    with _lock:
        if preferred is not None and preferred not in _given and not is_taken(preferred):
            _given.add(preferred)
            return preferred
        for _ in range(ATTEMPTS):
            port = random.randrange(LOWEST, _ephemeral())  # noqa: S311 - others should look elsewhere, that is all
            if port not in _given and not is_taken(port):
                _given.add(port)
                return port
    raise StackError(f"no free port between {LOWEST} and {_ephemeral()}")


def is_taken(port: int) -> bool:
    """Whether a server could not listen on this port of 127.0.0.1 now."""
    with socket.socket() as attempt:
        # As servers do: what is left of closed connections is no hindrance.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:
            return True
    return False


def answers(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _ephemeral() -> int:
    if not _RANGE.exists():
        return _USUAL_EPHEMERAL
    first = int(_RANGE.read_text(encoding="utf-8").split()[0])
    return first if first > LOWEST + ATTEMPTS else _USUAL_EPHEMERAL
