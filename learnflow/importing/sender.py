"""Sending requests to a server: many at once, each until it is confirmed.

A request that may or may not have arrived is sent again with its key, so it counts once. Only a 202 confirms: whatever
else answers at that address is not taken for one.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Protocol
from zlib import crc32

import httpx2

from events.identity import canonical_json
from learnflow.importing.errors import (
    FieldRefusal,
    ImportFailure,
    NobodyThere,
    NoSuchServer,
    RowNotSent,
    RowRefused,
    ServerGone,
)
from learnflow.importing.mapping import Endpoint
from learnflow.importing.rows import Request

ANSWER_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
STARTING_SECONDS: Final = 5.0
"""How long a server that was never there may take to start."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
_WAITING_A_LANE: Final = 4
# Everything of 500 and above may pass; of the others, these.
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


Connect = Callable[[], httpx2.AsyncClient]
"""Makes a client that knows the server."""


class Listener(Protocol):
    """Is told how the sending goes."""

    def confirmed(self, request: Request, token: str, /) -> None:
        """The server has this request; `token` is the `Consistency-Token` of its answer, empty if there was none."""

    def troubled(self, trouble: str, /) -> None:
        """A request was not confirmed and will be sent again."""


@dataclass(slots=True)
class Tally:
    """How far the sending got; true at any time, also after it was interrupted.

    Attributes:
        confirmed: how many requests the server has confirmed.
    """

    confirmed: int = 0
    _pending: dict[int, None] = field(default_factory=dict)
    _next_line: int = 0

    def begin(self, request: Request) -> None:
        """Note that a request is about to be sent; they begin in the order of the file."""
        self._pending[request.line] = None
        self._next_line = request.line + 1

    def confirm(self, request: Request) -> None:
        """Note that the server has it."""
        del self._pending[request.line]
        self.confirmed += 1

    @property
    def resume_line(self) -> int:
        """All requests from lines before this one are confirmed."""
        return next(iter(self._pending), self._next_line)


@dataclass(frozen=True, slots=True)
class _Trouble:
    reason: str
    retry_after: float | None = None
    unreachable: bool = False


def connector(url: str) -> Connect:
    """Makes clients for a server, of one connection each; nothing is connected yet.

    Raises:
        NoSuchServer: `url` is no HTTP address.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise NoSuchServer(url) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise NoSuchServer(url)
    certificates = httpx2.create_ssl_context()  # takes a while, so once for all

    def connect() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=parsed,
            verify=certificates,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": "learnflow-import"},
        )

    return connect


class Sender:
    """Sends requests to one endpoint."""

    def __init__(
        self,
        connect: Connect,
        endpoint: Endpoint,
        listener: Listener,
        *,
        concurrency: int,
        patience_seconds: float,
    ) -> None:
        """Prepare to send.

        Args:
            connect: makes a client for the server.
            endpoint: where to.
            listener: is told how it goes.
            concurrency: how many requests may be under way.
            patience_seconds: how long each request is tried before the whole sending is given up; where nobody has
                taken a connection yet, no longer than `STARTING_SECONDS`.
        """
        self._connect = connect
        self._endpoint = endpoint
        self._listener = listener
        self._concurrency = concurrency
        self._patience = patience_seconds
        self._reached = False

    async def send(self, requests: Iterable[Request], tally: Tally, *, keep_order: bool) -> None:
        """Send all, reading on no faster than they are confirmed.

        Args:
            requests: in the order of their lines.
            tally: kept up to date.
            keep_order: send what is of one learner in order, one after the other.

        Raises:
            RowRefused: the server does not take a request; what was under way is broken off.
            NobodyThere: nobody takes connections.
            ServerGone: a request was not confirmed in time; what was under way is broken off.
            ImportFailure: whatever `requests` raises.
        """
        lanes: list[asyncio.Queue[Request | None]] = [
            asyncio.Queue(_WAITING_A_LANE) for _ in range(self._concurrency if keep_order else 1)
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._concurrency):
                    group.create_task(self._work(lanes[number % len(lanes)], tally))
                for request in requests:
                    tally.begin(request)
                    await lanes[crc32(request.learner_id.encode()) % len(lanes)].put(request)
                for number in range(self._concurrency):
                    await lanes[number % len(lanes)].put(None)
        except* ImportFailure as failures:
            failure = _first(failures)
        else:
            return
        raise failure

    async def _work(self, lane: asyncio.Queue[Request | None], tally: Tally) -> None:
        # A client for each worker: a pool looks at all its connections for every request, so a shared one gets slow.
        async with self._connect() as client:
            while (request := await lane.get()) is not None:
                token = await self._deliver(client, request)
                tally.confirm(request)
                self._listener.confirmed(request, token)

    async def _deliver(self, client: httpx2.AsyncClient, request: Request) -> str:
        """Send a request until it is confirmed, and give the token of the answer."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        pause = FIRST_PAUSE_SECONDS
        while True:
            answer = await self._attempt(client, request)
            if isinstance(answer, str):
                self._reached = True
                return answer
            self._reached |= not answer.unreachable
            patience = self._patience if self._reached else min(self._patience, STARTING_SECONDS)
            remaining = begun + patience - loop.time()
            if remaining <= 0:
                if not self._reached:
                    raise NobodyThere(request.line, _address(client), answer.reason)
                raise ServerGone(request.line, self._patience, answer.reason)
            self._listener.troubled(answer.reason)
            # Spread, so that those who failed together don't come back together.
            spread = random.uniform(pause / 2, pause)  # noqa: S311
            await asyncio.sleep(min(remaining, spread if answer.retry_after is None else answer.retry_after))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _attempt(self, client: httpx2.AsyncClient, request: Request) -> str | _Trouble:
        try:
            response = await client.post(
                self._endpoint.value,
                content=canonical_json(request.body).encode(),
                headers={"Content-Type": "application/json", "Idempotency-Key": request.key},
            )
        except httpx2.ConnectTimeout:
            return _Trouble(f"no connection to {_address(client)} within {CONNECT_SECONDS:g} s", unreachable=True)
        except httpx2.ConnectError as error:
            return _Trouble(f"no connection to {_address(client)} ({error})", unreachable=True)
        except httpx2.TimeoutException:
            return _Trouble(f"no answer within {ANSWER_SECONDS:g} s")
        except httpx2.TransportError as error:
            return _Trouble(str(error) or type(error).__name__)
        if response.status_code == HTTPStatus.ACCEPTED:
            return response.headers.get("Consistency-Token", "")
        if response.is_server_error or response.status_code in _PASSING:
            return _Trouble(f"{response.status_code} {_problem(response).reason}", _retry_after(response))
        problem = _problem(response)
        raise RowRefused(request.line, response.status_code, problem.reason, problem.refusals)


def _address(client: httpx2.AsyncClient) -> str:
    return str(client.base_url).rstrip("/")


def _first(failures: BaseExceptionGroup[ImportFailure]) -> ImportFailure:
    """What to tell of several failures: the earliest row's."""
    leaves = [_first(one) if isinstance(one, BaseExceptionGroup) else one for one in failures.exceptions]
    return min(leaves, key=lambda one: one.line if isinstance(one, RowNotSent) else 0)


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str
    refusals: tuple[FieldRefusal, ...] = ()


def _problem(response: httpx2.Response) -> _Problem:
    """What an answer says is wrong; something is said whatever the answer holds."""
    if response.is_redirect:
        return _Problem(
            f"it redirects to {response.headers.get('Location', 'elsewhere')}; give --url so that it does not"
        )
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, Mapping) or not isinstance(content.get("title"), str):
        return _Problem(f"{response.reason_phrase or 'no reason'}; is this LearnFlow's address?")
    reason = ". ".join(str(content[part]).rstrip(".") for part in ("title", "detail") if content.get(part))
    return _Problem(reason, tuple(_refusals(content.get("errors"))))


def _refusals(errors: Any) -> Iterable[FieldRefusal]:
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, Mapping):
            yield FieldRefusal(str(error.get("field", "")), str(error.get("detail", "")))


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds to wait before the next try, if the server asks for a pause."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
