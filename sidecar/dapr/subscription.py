"""The log's delivery: the sidecar posts batches to a route of ours, and repeats each until told that it succeeded.

What is delivered, and to whom, is said by a Subscription among the sidecar's resources. It is raw: entries carry the
very bytes of the log.
"""

import asyncio
import hmac
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final, Literal
from urllib.parse import unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sidecar.dapr.config import DaprConfig
from sidecar.delivery import BatchHandler, Verdict
from sidecar.records import LogRecord

logger = logging.getLogger(__name__)

PATH: Final = "/dapr/events"
"""Where the sidecar posts batches; the Subscription names it."""
_NO_SUCH_TOKEN: Final = 401
_UNREADABLE: Final = 400


class _Entry(msgspec.Struct, rename="camel"):
    """One record of a delivery.

    `event` is decoded from base64. `metadata` holds `__partition`, `__offset`, `__timestamp` (milliseconds), `__key` if
    there is one, and the record's headers.
    """

    entry_id: str
    metadata: dict[str, str]
    event: bytes | None = None


class _Batch(msgspec.Struct):
    entries: list[_Entry]


class _Status(msgspec.Struct, rename="camel"):
    entry_id: str
    status: Literal["SUCCESS", "RETRY"]


class _Statuses(msgspec.Struct):
    statuses: list[_Status]


_decoder: Final = msgspec.json.Decoder(_Batch)
_encoder: Final = msgspec.json.Encoder()


class DaprDelivery:
    """Implements `Delivery` for an app that serves `routes`.

    Before `start` and after `stop` the sidecar is told to bring every batch again.
    """

    def __init__(self, config: DaprConfig) -> None:
        self._config = config
        self._handler: BatchHandler | None = None
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: set[object] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def started(self) -> bool:
        """Whether batches are taken."""
        return self._handler is not None

    @property
    def routes(self) -> Sequence[Route]:
        """What the app must serve for its sidecar: where batches come in."""
        return [Route(PATH, self._take, methods=["POST"])]

    async def start(self, handler: BatchHandler) -> None:
        """See `Delivery`."""
        self._handler = handler

    async def stop(self) -> None:
        """See `Delivery`."""
        self._handler = None
        await self._idle.wait()

    async def _take(self, request: Request) -> Response:
        """Answer what became of each entry.

        Any status but 200 lets the sidecar bring the whole batch again; except 404, which it takes as leave to drop it.
        """
        if not self._is_sidecar(request):
            return Response(status_code=_NO_SUCH_TOKEN)
        try:
            batch = _decoder.decode(await request.body())
            records = [_record(entry) for entry in batch.entries]
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            logger.error("a delivery can't be read, it has to come again: %s", error)  # noqa: TRY400 - the reason is all
            return Response(status_code=_UNREADABLE)
        statuses: list[_Status] = []
        entries = iter(batch.entries)
        for partition, group in groupby(records, lambda record: record.partition):
            part = list(group)
            verdict = await self._handle(partition, part, request)
            status: Literal["SUCCESS", "RETRY"] = "SUCCESS" if verdict is Verdict.SETTLED else "RETRY"
            statuses += [_Status(next(entries).entry_id, status) for _ in part]
        return Response(_encoder.encode(_Statuses(statuses)), media_type="application/json")

    async def _handle(self, partition: int, records: Sequence[LogRecord], request: Request) -> Verdict:
        # A sidecar that lost patience, or was replaced, may bring a batch again that is still worked on.
        async with self._turns[partition]:
            handler = self._handler
            if handler is None or await request.is_disconnected():
                return Verdict.RETRY
            mark = object()
            self._running.add(mark)
            self._idle.clear()
            try:
                return await handler(records)
            except Exception:
                logger.exception("a batch of partition %s has to come again", partition)
                return Verdict.RETRY
            finally:
                self._running.discard(mark)
                if not self._running:
                    self._idle.set()

    def _is_sidecar(self, request: Request) -> bool:
        # Another app's service invocation comes through our own sidecar, token and all; only this header tells, which
        # the sidecar sets on every invocation and on no delivery.
        if "dapr-caller-app-id" in request.headers:
            return False
        expected = self._config.app_token
        shown = request.headers.get("dapr-api-token", "")
        return not expected or hmac.compare_digest(shown.encode(), expected.encode())


def _record(entry: _Entry) -> LogRecord:
    metadata: Mapping[str, str] = entry.metadata
    key = metadata.get("__key")
    return LogRecord(
        partition=int(metadata["__partition"]),
        offset=int(metadata["__offset"]),
        # The component escapes it as a query would be (`escapeHeaders`), so that any bytes survive.
        key=None if key is None else unquote_plus(key),
        value=entry.event or b"",
        appended_at_ms=int(metadata["__timestamp"]),
    )
