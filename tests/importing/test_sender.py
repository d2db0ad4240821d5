"""Every request is sent until it is confirmed, under one key, and what can't be is told with its line."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from learnflow.importing import sender as sending
from learnflow.importing.errors import (
    FieldRefusal,
    ImportFailure,
    NobodyThere,
    NoSuchServer,
    RowRefused,
    ServerGone,
)
from learnflow.importing.mapping import Endpoint
from learnflow.importing.rows import Request
from learnflow.importing.sender import Sender, Tally, connector

ACCEPTED = httpx2.codes.ACCEPTED


@dataclass
class Stub:
    """A server that answers by the request's number, and remembers."""

    answer: Callable[[int], httpx2.Response | httpx2.TransportError] = lambda _: httpx2.Response(ACCEPTED)
    keys: list[str] = field(default_factory=list)
    together: asyncio.Barrier | None = None
    under_way: int = 0
    most_under_way: int = 0

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await (asyncio.sleep(0) if self.together is None else self.together.wait())
        self.under_way -= 1
        assert request.url.path == "/base/update-progress"
        self.keys.append(request.headers["Idempotency-Key"])
        answer = self.answer(len(self.keys))
        if isinstance(answer, httpx2.TransportError):
            raise answer
        return answer


@dataclass
class Heard:
    """A listener that remembers."""

    lines: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    trouble: asyncio.Event = field(default_factory=asyncio.Event)

    def confirmed(self, request: Request, token: str, /) -> None:
        self.lines.append(request.line)
        self.tokens.append(token)

    def troubled(self, trouble: str, /) -> None:
        self.troubles.append(trouble)
        self.trouble.set()


def rows(count: int, *, learners: int = 3) -> Iterator[Request]:
    for number in range(count):
        yield Request(number + 2, {"learner_id": f"learner-{number % learners}"}, f"key-{number}")


@dataclass
class Import:
    """A sending to a stub."""

    stub: Stub
    heard: Heard = field(default_factory=Heard)
    tally: Tally = field(default_factory=Tally)

    async def send(
        self, requests: Iterator[Request], *, concurrency: int = 4, patience: float = 5, keep_order: bool = False
    ) -> None:
        sender = Sender(
            lambda: httpx2.AsyncClient(transport=httpx2.MockTransport(self.stub.handle), base_url="http://test/base"),
            Endpoint.UPDATE_PROGRESS,
            self.heard,
            concurrency=concurrency,
            patience_seconds=patience,
        )
        await sender.send(requests, self.tally, keep_order=keep_order)


def unavailable(retry_after: str = "0") -> httpx2.Response:
    problem = {"type": "urn:x", "title": "Not confirmed", "detail": "Repeat it.", "status": 503}
    return httpx2.Response(503, json=problem, headers={"Retry-After": retry_after})


async def test_all_are_sent_and_no_more_at_once_than_asked_for() -> None:
    one = Import(Stub(lambda number: httpx2.Response(ACCEPTED, headers={"Consistency-Token": f"token-{number}"})))
    one.stub.together = asyncio.Barrier(7)
    await one.send(rows(98), concurrency=7)
    assert sorted(one.heard.lines) == list(range(2, 100))
    assert sorted(one.stub.keys) == sorted(request.key for request in rows(98))
    assert len(set(one.heard.tokens)) == 98
    assert one.stub.most_under_way == 7
    assert (one.tally.confirmed, one.tally.resume_line) == (98, 100)


async def test_a_large_file_is_not_read_ahead() -> None:
    one = Import(Stub())
    read = 0

    def counted() -> Iterator[Request]:
        nonlocal read
        for request in rows(500):
            assert read - one.tally.confirmed < 20
            read += 1
            yield request

    await one.send(counted())
    assert read == 500


@pytest.mark.parametrize(
    "trouble",
    [
        unavailable(),
        httpx2.Response(500, headers={"Retry-After": "0"}),
        httpx2.Response(502, text="<html>", headers={"Retry-After": "0"}),
        httpx2.Response(429, headers={"Retry-After": format_datetime(datetime.now(UTC) - timedelta(days=1))}),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout(""),
        httpx2.RemoteProtocolError("gone"),
    ],
)
async def test_what_passes_is_tried_again_under_the_same_key(trouble: httpx2.Response | httpx2.TransportError) -> None:
    one = Import(Stub(lambda number: trouble if number in {1, 2} else httpx2.Response(ACCEPTED)))
    await one.send(rows(2), concurrency=1)
    assert one.stub.keys == ["key-0", "key-0", "key-0", "key-1"]
    assert one.heard.lines == [2, 3]
    assert len(one.heard.troubles) == 2
    assert all(one.heard.troubles)


async def test_a_pause_that_the_server_asks_for_is_made() -> None:
    one = Import(Stub(lambda number: unavailable("1") if number == 1 else httpx2.Response(ACCEPTED)))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await one.send(rows(1))
    assert loop.time() - begun >= 0.99


async def test_patience_ends() -> None:
    one = Import(Stub(lambda number: httpx2.Response(ACCEPTED) if number <= 3 else unavailable("3600")))
    with pytest.raises(
        ServerGone, match=r"line 5: not confirmed within 0.2 s; the last try: 503 Not confirmed"
    ) as gone:
        await one.send(rows(20), concurrency=1, patience=0.2)
    assert gone.value.line == one.tally.resume_line == 5
    assert one.tally.confirmed == 3
    assert one.stub.keys[-2:] == ["key-3", "key-3"]


@pytest.mark.parametrize("trouble", [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("")])
async def test_a_server_that_was_never_there_is_not_waited_for(
    trouble: httpx2.TransportError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "STARTING_SECONDS", 0.2)
    one = Import(Stub(lambda _: trouble))
    with pytest.raises(NobodyThere, match=r"no connection to http://test/base .*make run") as nobody:
        await one.send(rows(20), patience=3600)
    assert nobody.value.line == 2
    assert one.tally.confirmed == 0
    assert len(one.stub.keys) > 4


@pytest.mark.parametrize("first", [httpx2.Response(ACCEPTED), unavailable(), httpx2.ReadTimeout("")])
async def test_a_server_that_was_there_is_waited_for(
    first: httpx2.Response | httpx2.TransportError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "STARTING_SECONDS", 0.0)
    answers = {1: first, 2: httpx2.ConnectError("refused"), 3: httpx2.ConnectError("refused")}
    one = Import(Stub(lambda number: answers.get(number, httpx2.Response(ACCEPTED))))
    await one.send(rows(5), concurrency=1)
    assert one.tally.confirmed == 5


async def test_a_server_that_was_there_and_stays_away_is_told_with_its_address() -> None:
    one = Import(Stub(lambda number: httpx2.Response(ACCEPTED) if number == 1 else httpx2.ConnectError("refused")))
    with pytest.raises(ServerGone, match=r"line 3: .* no connection to http://test/base \(refused\)"):
        await one.send(rows(5), concurrency=1, patience=0.2)


async def test_a_refusal_ends_it_and_names_line_and_field() -> None:
    problem = {
        "type": "urn:x",
        "title": "The request is not valid",
        "status": 422,
        "errors": [{"field": "score", "detail": "must be less"}],
    }
    one = Import(Stub(lambda number: httpx2.Response(422, json=problem) if number == 6 else httpx2.Response(ACCEPTED)))
    with pytest.raises(RowRefused, match=r"line 7: the server answered 422: .* score must be less") as refused:
        await one.send(rows(1000), concurrency=1)
    assert refused.value.status == 422
    assert refused.value.refusals == (FieldRefusal("score", "must be less"),)
    assert one.tally.confirmed == 5
    assert len(one.stub.keys) == 6


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(200, text="hello"), "is this LearnFlow's address"),
        (httpx2.Response(404, json=["nothing"]), "is this LearnFlow's address"),
        (httpx2.Response(301, headers={"Location": "https://elsewhere/"}), "redirects to https://elsewhere/"),
    ],
)
async def test_only_a_202_confirms(answer: httpx2.Response, said: str) -> None:
    one = Import(Stub(lambda _: answer))
    with pytest.raises(RowRefused, match=said):
        await one.send(rows(10))
    assert one.tally.confirmed == 0


async def test_of_many_failures_the_first_row_is_told() -> None:
    one = Import(Stub(lambda _: httpx2.Response(400)))
    with pytest.raises(RowRefused, match="line 2:"):
        await one.send(rows(10), concurrency=8)


async def test_rows_of_a_learner_keep_their_order_where_asked() -> None:
    one = Import(Stub(lambda number: unavailable() if number % 3 == 0 else httpx2.Response(ACCEPTED)))
    await one.send(rows(90, learners=9), concurrency=8, keep_order=True)
    for learner in range(9):
        lines = [line for line in one.heard.lines if (line - 2) % 9 == learner]
        assert lines == sorted(lines)
    assert len(one.heard.lines) == 90


async def test_a_failure_of_the_rows_ends_it() -> None:
    class Unusable(ImportFailure):
        """A row source's failure."""

    def failing() -> Iterator[Request]:
        yield from rows(3)
        raise Unusable("changed")

    with pytest.raises(Unusable):
        await Import(Stub()).send(failing())


@pytest.fixture
async def stalled() -> AsyncIterator[tuple[Import, asyncio.Task[None]]]:
    """A sending whose second request is never answered."""
    one = Import(Stub(lambda number: httpx2.Response(ACCEPTED) if number == 1 else unavailable("3600")))
    task = asyncio.create_task(one.send(rows(9), concurrency=1, patience=3600))
    await one.heard.trouble.wait()
    yield one, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_interrupted_it_can_still_tell_where_it_was(stalled: tuple[Import, asyncio.Task[None]]) -> None:
    one, task = stalled
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (one.tally.confirmed, one.tally.resume_line) == (1, 3)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host/", "http://", "http://host:port"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(NoSuchServer, match="--url"):
        connector(url)
