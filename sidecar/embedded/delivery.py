"""Delivery: one task that reads the log behind every partition's position and hands on what it finds."""

import asyncio
import logging
import time
from dataclasses import dataclass

from sidecar.delivery import BatchHandler, Verdict
from sidecar.embedded.log import EmbeddedLog
from sidecar.embedded.rows import insert
from sidecar.embedded.writer import WriteFailed, Writer
from sidecar.records import LogSlice

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_KEEP = " ON CONFLICT (name, partition) DO UPDATE SET next = excluded.next"


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How the log is delivered.

    Attributes:
        group: the consumer group whose position is kept.
        batch_records: the most records a batch holds, from 1.
        batch_bytes: about the most bytes of values a batch holds; one record may be larger.
        retry_seconds: the least time before a batch comes again.
        commit_seconds: how often the group's position is written.
    """

    group: str
    batch_records: int
    batch_bytes: int
    retry_seconds: float
    commit_seconds: float


class EmbeddedDelivery:
    """Implements `Delivery` for one consumer group.

    The group's position is written every `commit_seconds` and when delivery stops: after a crash, what was settled
    since then comes again. A batch to be retried, or one that can't be read, makes only its own partition wait.
    """

    def __init__(self, log: EmbeddedLog, writer: Writer, settings: DeliverySettings) -> None:
        self._source = log
        self._writer = writer
        self._settings = settings
        self._abandoned = False
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._wake = asyncio.Event()
        self._positions: dict[int, int] | None = None
        self._committed: dict[int, int] = {}
        self._commit_at = 0.0
        self._waiting: dict[int, tuple[float, LogSlice | None]] = {}
        self._unreadable: set[int] = set()
        log.listen(self._wake.set)

    async def start(self, handler: BatchHandler) -> None:
        """See `Delivery`. Starting what is started is a `RuntimeError`; after `stop` it may start again."""
        if self._task is not None and not self._task.done():
            raise RuntimeError("delivery has been started")
        self._stopping = False
        self._task = asyncio.create_task(self._run(handler), name="learnflow-delivery")

    async def stop(self) -> None:
        """See `Delivery`. Must not be called by the handler itself: it would wait for its own end."""
        if self._task is asyncio.current_task():
            raise RuntimeError("the handler can't stop its own delivery")
        self._stopping = True
        self._wake.set()
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        await self._commit()

    def abandon(self) -> None:
        """End as a crash would: at once, in the middle of a batch, without writing the position."""
        self._abandoned = True
        self._stopping = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self, handler: BatchHandler) -> None:
        failure = ""
        while not self._stopping:
            try:
                busy = await self._round(handler)
                if time.monotonic() >= self._commit_at:
                    await self._commit()
            except Exception as error:  # noqa: BLE001 - delivery goes on whatever it was; the log says what
                # A long outage is told once, not at every attempt.
                if repr(error) != failure:
                    _log.exception("delivery can't go on; trying every %s s", self._settings.retry_seconds)
                failure = repr(error)
                await self._pause(self._settings.retry_seconds)
                continue
            failure = ""
            if not busy:
                await self._pause(self._next_due())

    async def _round(self, handler: BatchHandler) -> bool:
        """Give every partition that has something to deliver one batch.

        Returns:
            Whether there was any.
        """
        self._wake.clear()
        if self._positions is None:
            self._positions = await self._load()
        busy = False
        for partition, bounds in (await self._source.bounds()).items():
            position = max(self._positions.get(partition, 0), bounds.start)
            if self._stopping:
                break
            due, batch = self._waiting.get(partition, (0.0, None))
            if position >= bounds.end or due > time.monotonic():
                continue
            busy = True
            if batch is None:
                batch = await self._read(partition, position, bounds.end)
            if batch is not None and (not batch.records or await self._hand_over(batch, handler)):
                self._waiting.pop(partition, None)
                self._positions[partition] = batch.next_offset
            else:
                self._waiting[partition] = (time.monotonic() + self._settings.retry_seconds, batch)
        return busy

    async def _read(self, partition: int, first: int, until: int) -> LogSlice | None:
        """The next batch of a partition; `None` if it can't be read, which is told once until it can be."""
        try:
            batch = await self._source.read(
                partition,
                first,
                until,
                max_records=self._settings.batch_records,
                max_bytes=self._settings.batch_bytes,
            )
        except Exception:  # noqa: BLE001 - whatever it was, the other partitions go on
            if partition not in self._unreadable:
                _log.exception("partition %d can't be read from offset %d; trying again and again", partition, first)
            self._unreadable.add(partition)
            return None
        self._unreadable.discard(partition)
        return batch

    async def _hand_over(self, batch: LogSlice, handler: BatchHandler) -> bool:
        """Whether the handler settled the batch."""
        first = batch.records[0]
        try:
            verdict = await handler(batch.records)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            _log.exception(
                "the handler was cancelled from within; retrying partition %d from %d", first.partition, first.offset
            )
            return False
        except Exception:  # noqa: BLE001 - any of them counts as RETRY
            _log.exception("the handler failed; retrying partition %d from offset %d", first.partition, first.offset)
            return False
        return verdict is Verdict.SETTLED

    def _next_due(self) -> float:
        """Seconds until something has to be done even if nothing is appended."""
        now = time.monotonic()
        moments = [now + _POLL_SECONDS, *(due for due, _ in self._waiting.values())]
        if self._positions != self._committed:
            moments.append(self._commit_at)
        return max(0.0, min(moments) - now)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _load(self) -> dict[int, int]:
        self._committed = dict(await self._source.delivered())
        self._commit_at = time.monotonic() + self._settings.commit_seconds
        return dict(self._committed)

    async def _commit(self) -> None:
        """Write the position; a failure is no harm but a redelivery, and is tried again."""
        self._commit_at = time.monotonic() + self._settings.commit_seconds
        reached = dict(self._positions or {})
        rows = [(self._settings.group, partition, position) for partition, position in sorted(reached.items())]
        if self._abandoned or not rows or reached == self._committed:
            return
        try:
            await self._writer.submit(lambda connection: insert(connection, "consumer", rows, _KEEP))
        except WriteFailed as error:
            _log.warning("the position of %s was not written: %s", self._settings.group, error)
        else:
            self._committed = reached
