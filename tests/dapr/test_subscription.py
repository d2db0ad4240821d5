"""Deliveries as a sidecar posts them, and the answers that make it bring a batch again or not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from deploy.stack.daprd import RESOURCES
from sidecar.dapr.config import DaprConfig
from sidecar.dapr.subscription import PATH, DaprDelivery
from sidecar.delivery import Verdict
from sidecar.records import LogRecord

SUBSCRIPTION = RESOURCES[0] / "subscription.yaml"
Handler = Callable[[Sequence[LogRecord]], Awaitable[Verdict]]


@asynccontextmanager
async def sidecar_of(delivery: DaprDelivery) -> AsyncIterator[httpx2.AsyncClient]:
    """What a sidecar has of the app."""
    transport = httpx2.ASGITransport(Starlette(routes=list(delivery.routes)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
        yield client


def entry(number: int, *, partition: int = 0, value: bytes | None = b"{}", **metadata: str) -> dict[str, Any]:
    """An entry as daprd 1.18 posts it: a number of its own, the value in base64, the record's place in metadata."""
    return {
        "entryId": str(number),
        "event": None if value is None else base64.b64encode(value).decode(),
        "contentType": "application/octet-stream",
        "metadata": {
            "__partition": str(partition),
            "__offset": str(number),
            "__timestamp": "1790000000000",
            "__topic": "learnflow.events",
            **metadata,
        },
    }


def batch(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "",
        "entries": list(entries),
        "metadata": {"pubsubName": "events"},
        "pubsubname": "events",
        "topic": "learnflow.events",
        "type": "com.dapr.event.sent.bulk",
    }


def statuses(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 200
    return {one["entryId"]: one["status"] for one in answer.json()["statuses"]}


def test_what_is_subscribed_to_comes_raw_in_batches_to_where_it_is_taken() -> None:
    subscription = yaml.safe_load(SUBSCRIPTION.read_text(encoding="utf-8"))
    spec, config = subscription["spec"], DaprConfig()
    assert (spec["pubsubname"], spec["topic"]) == (config.pubsub, config.topic)
    assert spec["routes"] == {"default": PATH}
    assert spec["metadata"] == {"rawPayload": "true"}
    assert spec["bulkSubscribe"]["enabled"] is True
    assert "deadLetterTopic" not in spec
    assert subscription["scopes"] == ["projector"]


async def test_the_records_are_those_of_the_log() -> None:
    seen: list[LogRecord] = []

    async def note(records: Sequence[LogRecord]) -> Verdict:
        seen.extend(records)
        return Verdict.SETTLED

    delivery = DaprDelivery(DaprConfig())
    await delivery.start(note)
    async with sidecar_of(delivery) as sidecar:
        answer = await sidecar.post(
            PATH,
            json=batch(
                entry(7, partition=3, value=b"\x00\xff", __key="ada%40x.org+1"),
                entry(8, partition=3, value=None),
                entry(9, partition=3, value=b"", __key="%FF", header="ignored"),
            ),
        )
    assert statuses(answer) == {"7": "SUCCESS", "8": "SUCCESS", "9": "SUCCESS"}
    assert seen == [
        LogRecord(3, 7, "ada@x.org 1", b"\x00\xff", 1_790_000_000_000),
        LogRecord(3, 8, None, b"", 1_790_000_000_000),
        LogRecord(3, 9, "�", b"", 1_790_000_000_000),
    ]


async def test_before_the_start_and_after_the_stop_all_comes_again() -> None:
    delivery = DaprDelivery(DaprConfig())
    async with sidecar_of(delivery) as sidecar:
        assert statuses(await sidecar.post(PATH, json=batch(entry(1)))) == {"1": "RETRY"}
        await delivery.start(_settle)
        assert statuses(await sidecar.post(PATH, json=batch(entry(1)))) == {"1": "SUCCESS"}
        await delivery.stop()
        assert statuses(await sidecar.post(PATH, json=batch(entry(2)))) == {"2": "RETRY"}


async def test_what_failed_comes_again() -> None:
    async def fail(records: Sequence[LogRecord]) -> Verdict:
        if records[0].offset == 1:
            raise LookupError("on purpose")
        return Verdict.RETRY

    delivery = DaprDelivery(DaprConfig())
    await delivery.start(fail)
    async with sidecar_of(delivery) as sidecar:
        for number in (1, 2):
            answer = await sidecar.post(PATH, json=batch(entry(number), entry(number + 10)))
            assert statuses(answer) == {str(number): "RETRY", str(number + 10): "RETRY"}


async def test_partitions_are_handled_apart() -> None:
    batches: list[list[tuple[int, int]]] = []

    async def second_fails(records: Sequence[LogRecord]) -> Verdict:
        batches.append([(record.partition, record.offset) for record in records])
        return Verdict.RETRY if records[0].partition == 2 else Verdict.SETTLED

    delivery = DaprDelivery(DaprConfig())
    await delivery.start(second_fails)
    async with sidecar_of(delivery) as sidecar:
        answer = await sidecar.post(
            PATH, json=batch(entry(1, partition=1), entry(2, partition=2), entry(3, partition=2), entry(4, partition=3))
        )
    assert statuses(answer) == {"1": "SUCCESS", "2": "RETRY", "3": "RETRY", "4": "SUCCESS"}
    assert batches == [[(1, 1)], [(2, 2), (2, 3)], [(3, 4)]]


async def test_a_batch_that_comes_while_it_is_worked_on_waits() -> None:
    running = 0
    release = asyncio.Event()

    async def slow(_: Sequence[LogRecord]) -> Verdict:
        nonlocal running
        running += 1
        assert running == 1
        await release.wait()
        running -= 1
        return Verdict.SETTLED

    delivery = DaprDelivery(DaprConfig())
    await delivery.start(slow)
    async with sidecar_of(delivery) as sidecar:
        posts = [asyncio.create_task(sidecar.post(PATH, json=batch(entry(1)))) for _ in range(3)]
        await asyncio.sleep(0.05)
        release.set()
        assert [statuses(answer) for answer in await asyncio.gather(*posts)] == [{"1": "SUCCESS"}] * 3


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"entries": [{}]}',
    b'{"entries": [{"entryId": "1", "metadata": {}}]}',
    b'{"entries": [{"entryId": "1", "metadata": {"__partition": "x", "__offset": "1", "__timestamp": "1"}}]}',
    b'{"entries": [{"entryId": "1", "event": "no base64!", "metadata": {}}]}',
]


async def _post_broken(body: bytes) -> int:
    delivery = DaprDelivery(DaprConfig())
    await delivery.start(_settle)
    async with sidecar_of(delivery) as sidecar:
        return (await sidecar.post(PATH, content=body, headers={"Content-Type": "application/json"})).status_code


@pytest.mark.parametrize("body", BROKEN)
async def test_what_can_not_be_read_is_neither_dropped_nor_settled(body: bytes) -> None:
    assert await _post_broken(body) == 400


@given(st.binary(max_size=60))
def test_no_body_is_answered_with_leave_to_drop_it(body: bytes) -> None:
    assert asyncio.run(_post_broken(body)) == 400


@pytest.mark.parametrize(("shown", "status"), [(None, 401), ("wrong", 401), ("wröng", 401), ("s3cret", 200)])
async def test_where_a_token_is_set_only_the_sidecar_is_heard(shown: str | None, status: int) -> None:
    delivery = DaprDelivery(DaprConfig(app_token="s3cret"))  # noqa: S106 - a test's
    await delivery.start(_settle)
    headers = [] if shown is None else [(b"dapr-api-token", shown.encode("latin-1"))]
    async with sidecar_of(delivery) as sidecar:
        assert (await sidecar.post(PATH, json=batch(entry(1)), headers=headers)).status_code == status


async def _settle(_: Sequence[LogRecord]) -> Verdict:
    return Verdict.SETTLED


@pytest.mark.parametrize("token", ["", "s3cret"])
async def test_another_app_that_invokes_the_route_is_not_the_sidecar(token: str) -> None:
    delivery = DaprDelivery(DaprConfig(app_token=token))
    await delivery.start(_settle)
    headers = {"dapr-api-token": token, "dapr-caller-app-id": "course-agent"}
    async with sidecar_of(delivery) as sidecar:
        assert (await sidecar.post(PATH, json=batch(entry(1)), headers=headers)).status_code == 401


async def test_nobody_works_for_a_sidecar_that_has_gone() -> None:
    batches: list[Sequence[LogRecord]] = []

    async def note(records: Sequence[LogRecord]) -> Verdict:
        batches.append(records)
        return Verdict.SETTLED

    delivery = DaprDelivery(DaprConfig())
    await delivery.start(note)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": json.dumps(batch(entry(1))).encode(), "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(_: MutableMapping[str, Any]) -> None:
        """Nobody listens."""

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b""}
    await Starlette(routes=list(delivery.routes))(scope, receive, send)
    assert not batches
