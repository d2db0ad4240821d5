"""The services as their clients see them: HTTP/1.1 over connections that are kept and used again.

A server may close a kept connection at any moment, also while a request is on its way. RFC 9112, section 9.3.1, lets
a client repeat such a request by itself if its method is idempotent; browsers do. This client does it once for a GET,
where the connection had served before and not a byte came back, and counts it. Whatever else goes wrong is an error.
"""

import http.client
import json
import select
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

from deploy.minikube.verification.errors import NoAnswer, Unexpected

ANSWER_SECONDS: Final = 20.0
PROBLEM: Final = "urn:learnflow:problem:"
_CLOSED: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_SCHEMES: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request.

    Attributes:
        headers: by their names in small letters.
        body: as it came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            Unexpected: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unexpected(f"the body of a {self.status} is no JSON: {self.body[:200]!r}") from error

    @property
    def problem(self) -> str:
        """The end of the problem's type (RFC 9457), such as `invalid-request`; empty where this is no problem."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        kind = self.json().get("type", "")
        return kind.removeprefix(PROBLEM) if kind.startswith(PROBLEM) else ""

    def describe(self) -> str:
        """Status and problem in a few words."""
        return f"{self.status} {self.problem}".rstrip()


class Client:
    """A client of one service, for one thread. A context; its end closes the connection.

    Attributes:
        repeated: GETs that were sent a second time because a kept connection had been closed under them.
    """

    def __init__(self, url: str, *, seconds: float = ANSWER_SECONDS) -> None:
        """Make it, without connecting.

        Args:
            url: of the service, without a path.
            seconds: that connecting and each answer may take.

        Raises:
            ValueError: this is no address of a service.
        """
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"{url!r} is no address such as http://host:port")
        self.url = url.rstrip("/")
        self.repeated = 0
        self._connection = _SCHEMES[parts.scheme](parts.hostname, parts.port, timeout=seconds)
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        self._connection.close()
        self._served = 0

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **params: str) -> Answer:
        """GET a path with parameters.

        Raises:
            NoAnswer: there is none.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        try:
            return self.request("GET", target, headers=headers)
        except NoAnswer as none:
            if not none.closed_unused:
                raise
        self.repeated += 1
        return self.request("GET", target, headers=headers)

    def post(self, path: str, body: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON, once.

        Raises:
            NoAnswer: there is none; the service may have had it all the same.
        """
        content = json.dumps(body).encode()
        return self.request("POST", path, headers={"Content-Type": "application/json", **(headers or {})}, body=content)

    def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send a request, once.

        Raises:
            NoAnswer: there is none.
        """
        if self._served and _is_closed(self._connection):
            self.close()
        fresh = self._served == 0
        begun = False
        try:
            self._connection.request(method, target, body=body, headers=dict(headers or {}))
            response = self._connection.getresponse()
            begun = True
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            closed = not fresh and not begun and isinstance(error, _CLOSED)
            raise NoAnswer(f"{method} {self.url}{target}", why, closed_unused=closed) from error
        self._served += 1
        if response.will_close:
            self.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed a kept connection: nothing is expected from it, so what can be read is its end."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])
