"""Looks at an embedded log."""

from sidecar.embedded import EmbeddedSidecar
from sidecar.records import LogRecord


async def everything(sidecar: EmbeddedSidecar) -> list[LogRecord]:
    """All records of the log, partition by partition."""
    records: list[LogRecord] = []
    for partition, bounds in (await sidecar.log.bounds()).items():
        first = bounds.start
        while first < bounds.end:
            part = await sidecar.log.read(partition, first, bounds.end, max_records=1_000, max_bytes=1_000_000)
            records += part.records
            first = part.next_offset
    return records


async def values(sidecar: EmbeddedSidecar) -> list[bytes]:
    """The values of all records of the log."""
    return [record.value for record in await everything(sidecar)]
