"""Batch handlers that remember, and tests' looks at the log."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from sidecar.delivery import Verdict
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord, PartitionBounds

DEADLINE_SECONDS = 30.0

Decide = Callable[[Sequence[LogRecord]], Awaitable[Verdict]]


async def settle(batch: Sequence[LogRecord]) -> Verdict:
    """Settle everything."""
    assert batch
    return Verdict.SETTLED


class Collector:
    """A batch handler that notes every batch, then lets `decide` say what became of it."""

    def __init__(self, decide: Decide = settle) -> None:
        self.batches: list[tuple[LogRecord, ...]] = []
        self.overlapping = False
        self._decide = decide
        self._running: set[int] = set()
        self._changed = asyncio.Condition()

    async def __call__(self, batch: Sequence[LogRecord]) -> Verdict:
        """Note the batch."""
        partition = batch[0].partition
        self.overlapping |= partition in self._running
        self._running.add(partition)
        async with self._changed:
            self.batches.append(tuple(batch))
            self._changed.notify_all()
        try:
            return await self._decide(batch)
        finally:
            self._running.discard(partition)

    def values(self) -> list[bytes]:
        """The values of all records that came, in the order they came, as often as they came."""
        return [record.value for batch in self.batches for record in batch]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds after a batch came."""
        async with asyncio.timeout(DEADLINE_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def until_values(self, values: Collection[bytes]) -> None:
        """Wait until each of the values came."""
        await self.until(lambda: set(values) <= set(self.values()))


async def read_all(
    reader: LogReader, partition: int, first: int, until: int, *, max_records: int = 1_000
) -> list[LogRecord]:
    """Read a stretch to its end, slice by slice."""
    records: list[LogRecord] = []
    while first < until:
        part = await reader.read(partition, first, until, max_records=max_records, max_bytes=1_000_000)
        assert part.next_offset > first
        records += part.records
        first = part.next_offset
    return records


async def read_since(reader: LogReader, start: dict[int, PartitionBounds]) -> list[LogRecord]:
    """All records that the log took since `start` was its bounds."""
    now = await reader.bounds()
    return [
        record
        for partition, bounds in now.items()
        for record in await read_all(reader, partition, start[partition].end, bounds.end)
    ]
