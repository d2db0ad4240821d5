"""The client over real connections: what is repeated by itself, what is counted, and what is an error."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest

from deploy.minikube.verification.api import Answer, Client
from deploy.minikube.verification.errors import NoAnswer, Unexpected

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CLOSING: Final = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
HALF: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
CLOSE: Final = b""
"""Instead of an answer: read the request, and close."""


class Server:
    """Answers by script: a list for each connection, an answer for each request on it."""

    def __init__(self, script: Sequence[Sequence[bytes]]) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.idle = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._script:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(10)
                for answer in answers:
                    self.requests.append(_request(connection))
                    connection.sendall(answer)
            self.idle.set()
        self._listener.close()

    def end(self) -> None:
        """Wait until the script is played to its end."""
        self._thread.join(10)
        assert not self._thread.is_alive(), "not all of the script was asked for"


def _request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0] + b"\n" + body


@contextmanager
def serving(*script: Sequence[bytes]) -> Iterator[Server]:
    server = Server(script)
    yield server
    server.end()


def test_a_connection_is_kept_and_used_again() -> None:
    with serving([OK, OK, OK]) as server, Client(server.url, seconds=10) as client:
        for number in range(3):
            assert client.get("/status", learner_id=f"a b{number}").status == 200
        assert client.repeated == 0
    assert server.requests == [f"GET /status?learner_id=a+b{number} HTTP/1.1\n".encode() for number in range(3)]


def test_a_get_whose_kept_connection_is_closed_under_it_is_sent_once_more_and_counted() -> None:
    with serving([OK, CLOSE], [OK]) as server, Client(server.url, seconds=10) as client:
        assert client.get("/one").status == 200
        assert client.get("/two").status == 200
        assert client.repeated == 1
    assert server.requests == [b"GET /one HTTP/1.1\n", b"GET /two HTTP/1.1\n", b"GET /two HTTP/1.1\n"]


def test_a_get_that_gets_no_answer_on_a_new_connection_has_failed() -> None:
    with serving([CLOSE]) as server, Client(server.url, seconds=10) as client:
        with pytest.raises(NoAnswer, match="RemoteDisconnected") as failed:
            client.get("/one")
        assert not failed.value.closed_unused
        assert client.repeated == 0


def test_a_get_that_fails_twice_has_failed() -> None:
    with serving([OK, CLOSE], [CLOSE]) as server, Client(server.url, seconds=10) as client:
        client.get("/one")
        with pytest.raises(NoAnswer):
            client.get("/two")
        assert client.repeated == 1


def test_an_answer_that_breaks_off_is_not_asked_for_again() -> None:
    with serving([OK, HALF]) as server, Client(server.url, seconds=10) as client:
        client.get("/one")
        with pytest.raises(NoAnswer, match="IncompleteRead"):
            client.get("/two")
        assert client.repeated == 0


def test_a_post_is_never_sent_again_by_itself() -> None:
    with serving([OK, CLOSE]) as server, Client(server.url, seconds=10) as client:
        client.post("/update", {"a": 1})
        with pytest.raises(NoAnswer):
            client.post("/update", {"a": 2})
    assert [json.loads(request.partition(b"\n")[2]) for request in server.requests] == [{"a": 1}, {"a": 2}]


def test_a_connection_that_the_server_closed_meanwhile_is_left_without_a_failure() -> None:
    with serving([OK], [OK]) as server, Client(server.url, seconds=10) as client:
        client.get("/one")
        assert server.idle.wait(10)
        client.post("/two", {})
        assert client.repeated == 0


def test_a_server_that_says_it_closes_is_believed() -> None:
    with serving([CLOSING], [OK]) as server, Client(server.url, seconds=10) as client:
        assert [client.get("/one").status, client.post("/two", {}).status] == [200, 200]


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", seconds=10) as client, pytest.raises(NoAnswer, match="ConnectionRefused"):
        client.get("/")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://x", "http://", "http://x/path", "http://x?a=b", "", "http://x:y"]
)
def test_what_is_no_address_of_a_service_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"no address|Port"):
        Client(url)


def test_a_problem_is_told_by_its_type() -> None:
    headers = {"content-type": "application/problem+json"}
    answer = Answer(422, headers, b'{"type": "urn:learnflow:problem:invalid-request"}')
    assert (answer.problem, answer.describe()) == ("invalid-request", "422 invalid-request")
    assert Answer(404, headers, b'{"type": "about:blank"}').problem == ""
    assert Answer(502, {"content-type": "text/html"}, b"<html>").describe() == "502"
    with pytest.raises(Unexpected, match="no JSON"):
        Answer(200, {}, b"<html>").json()
