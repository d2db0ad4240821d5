"""Group commit: concurrent POSTs share one append.

A single publish costs a round trip to the broker. What arrives while one append is under way is appended together by
the next; a lone request never waits for company unless `linger_seconds` says so.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.append import EventAppender
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from sidecar.records import NewRecord

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.1
"""Before a record is tried again; doubles with every try up to a second, so that an outage is not made worse."""
LONGEST_PAUSE_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 0.5
"""How long after its time an appender may still answer; one that does not must not hold up all others."""


class QueueFull(Exception):
    """As many records wait as may; nothing was appended.

    Attributes:
        waiting: how many that is.
    """

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} records wait already")
        self.waiting = waiting


@dataclass(frozen=True, slots=True)
class PublisherLimits:
    """How the publisher gathers and waits.

    Attributes:
        waiting: records that may wait, for their turn or for a try of their own; one more is refused.
        batch_records: records in one append.
        batch_bytes: of values in one append; at least one record goes.
        linger_seconds: how long the first record of a batch waits for others.
        append_seconds: how long an append may hold up what comes after; each of its records is then sent alone.
        deadline_seconds: from the call of `publish` until it gives up.
    """

    waiting: int = 2000
    batch_records: int = 200
    batch_bytes: int = 1024 * 1024
    linger_seconds: float = 0.0
    append_seconds: float = 2.0
    deadline_seconds: float = 5.0


@dataclass(eq=False, slots=True)
class _Waiting:
    record: NewRecord
    deadline: float
    outcome: asyncio.Future[None]
    begun: bool = False


class Publisher:
    """Appends records for many callers at once, one append at a time.

    As long as nothing fails, each key's order is that of the calls. Records of an append that failed are sent again
    each alone, beside the appends of what came later: a partition that is down, or hangs, holds up nobody else.
    """

    def __init__(self, appender: EventAppender, limits: PublisherLimits | None = None) -> None:
        self._appender = appender
        self._limits = limits or PublisherLimits()
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self) -> None:
        """Begin to append; needs a running event loop."""
        self._worker = asyncio.create_task(self._work(), name="publisher")

    async def stop(self) -> None:
        """Append what waits, then end. Calls of `publish` from now on are refused."""
        self._closing = True
        self._arrived.set()
        if self._worker is not None:
            await self._worker
        await asyncio.gather(*self._alone)

    async def publish(self, record: NewRecord) -> None:
        """Append a record; on return it is durable. Takes `deadline_seconds` at most.

        Raises:
            QueueFull: nothing was appended.
            AppendRefused: nothing was appended.
            MessageTooLarge: nothing was appended.
            AppendUnconfirmed: it may have been appended.
        """
        if self._closing:
            raise AppendRefused("this service is stopping")
        if len(self._queue) + len(self._alone) >= self._limits.waiting:
            raise QueueFull(self._limits.waiting)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(record, loop.time() + self._limits.deadline_seconds, loop.create_future())
        self._queue.append(waiting)
        self._arrived.set()
        try:
            async with asyncio.timeout_at(waiting.deadline):
                await waiting.outcome
        except TimeoutError:
            if waiting.begun:
                raise AppendUnconfirmed(f"no answer within {self._limits.deadline_seconds:g} s") from None
            raise AppendRefused(f"its turn did not come within {self._limits.deadline_seconds:g} s") from None

    async def _work(self) -> None:
        while not (self._closing and not self._queue):
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                if self._limits.linger_seconds and not self._closing and len(self._queue) < self._limits.batch_records:
                    await asyncio.sleep(self._limits.linger_seconds)
                batch = self._next_batch()
                if batch:
                    await self._append(batch)

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < self._limits.batch_records:
            size += len(self._queue[0].record.value)
            if batch and size > self._limits.batch_bytes:
                break
            waiting = self._queue.popleft()
            if not waiting.outcome.done():  # otherwise its caller has given up before it was sent
                waiting.begun = True
                batch.append(waiting)
        return batch

    async def _append(self, batch: Sequence[_Waiting]) -> None:
        """Append a batch, and settle every one of it or leave it to a task of its own; never raises."""
        try:
            await self._send(batch, self._limits.append_seconds)
        except AppendRefused as refused:
            _settle(batch, refused)
        except (AppendUnconfirmed, MessageTooLarge) as failure:
            # A bulk failure does not tell which entries failed: each goes again alone, under the same event id.
            logger.warning("an append of %s records failed, each is sent alone: %s", len(batch), failure)
            unconfirmed = isinstance(failure, AppendUnconfirmed)
            for waiting in batch:
                alone = asyncio.create_task(self._append_alone(waiting, unconfirmed=unconfirmed))
                self._alone.add(alone)
                alone.add_done_callback(self._alone.discard)
        except Exception as fault:
            logger.exception("the appender has a fault")
            _settle(batch, fault)
        else:
            _settle(batch, None)

    async def _append_alone(self, waiting: _Waiting, *, unconfirmed: bool) -> None:
        """Send one record until it is confirmed or its caller gives up."""
        pause = PAUSE_SECONDS
        while not waiting.outcome.done():
            try:
                await self._send([waiting])
            except (AppendRefused, MessageTooLarge) as refused:
                if not unconfirmed:
                    _settle([waiting], refused)
                    return
            except AppendUnconfirmed:
                unconfirmed = True
            except Exception as fault:
                logger.exception("the appender has a fault")
                _settle([waiting], fault)
                return
            else:
                _settle([waiting], None)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _send(self, batch: Sequence[_Waiting], seconds: float = math.inf) -> None:
        remaining = min(seconds, max(waiting.deadline for waiting in batch) - asyncio.get_running_loop().time())
        if remaining <= 0:
            raise AppendUnconfirmed("no time is left")
        try:
            async with asyncio.timeout(remaining + GRACE_SECONDS):
                await self._appender.append([waiting.record for waiting in batch], timeout_seconds=remaining)
        except TimeoutError:
            raise AppendUnconfirmed("the log does not answer") from None


def _settle(batch: Sequence[_Waiting], failure: Exception | None) -> None:
    for waiting in batch:
        if waiting.outcome.done():
            continue  # its caller has given up, and has been told so
        if failure is None:
            waiting.outcome.set_result(None)
        else:
            waiting.outcome.set_exception(failure)
