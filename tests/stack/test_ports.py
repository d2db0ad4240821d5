"""Free ports."""

import socket
from pathlib import Path

from deploy.stack.ports import answers, free_port, is_taken


class TestFreePort:
    def test_is_never_given_twice(self) -> None:
        ports = [free_port() for _ in range(200)]
        assert len(set(ports)) == len(ports)

    def test_lies_below_those_of_outgoing_connections(self) -> None:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
        assert all(free_port() < lowest for _ in range(50))

    def test_a_preferred_one_is_given_once(self) -> None:
        preferred = free_port() + 1
        while is_taken(preferred):
            preferred += 1
        assert free_port(preferred) == preferred
        assert free_port(preferred) != preferred

    def test_one_that_somebody_listens_on_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert is_taken(port)
            assert answers(port)
            assert free_port(port) != port
        assert not is_taken(port)
        assert not answers(port)
