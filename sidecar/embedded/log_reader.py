"""Reading the log, by connections of their own."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from sidecar.embedded.database import Database
from sidecar.embedded.errors import DatabaseDamaged
from sidecar.embedded.readers import Readers
from sidecar.embedded.rows import PACKED, checksum, unpack
from sidecar.records import LogIdentity, LogRecord, LogSlice, PartitionBounds

PARTITION_SPAN: Final = 1 << 40
"""The position of a record is its partition times this, plus its offset."""

_POSITIONS: Final = "SELECT json_group_array(json_array(partition, next)) FROM consumer WHERE name = ?"
_BOUNDS = (
    "SELECT json_group_array(json_array(number, next, (SELECT min(position) FROM log"  # noqa: S608 - no data
    f" WHERE position >= number * {PARTITION_SPAN} AND position < (number + 1) * {PARTITION_SPAN})))"
    " FROM partition"
)
# The inner one reads lengths alone; values are touched only for the rows that fit.
_SLICE = (
    "SELECT (SELECT next FROM partition WHERE number = :partition), "  # noqa: S608 - no data
    + PACKED.format(columns="position, key, appended_at_ms")
    + " FROM (SELECT * FROM log WHERE position >= :first AND position <= (SELECT max(position) FROM"
    " (SELECT position, sum(size) OVER (ORDER BY position) - size AS before FROM"
    " (SELECT position, length(value) AS size FROM log WHERE position >= :first AND position < :until"
    " ORDER BY position LIMIT :max_records)) WHERE before < :max_bytes) ORDER BY position)"
)


class EmbeddedLogReader:
    """Implements `LogReader`.

    What it tells of delivery is about one consumer group.
    """

    def __init__(self, database: Database, readers: Readers, *, group: str) -> None:
        self._database = database
        self._readers = readers
        self._group = group

    async def identity(self) -> LogIdentity:
        """See `LogReader`."""
        return LogIdentity(self._database.topic_id, self._database.partitions)

    async def faults(self) -> Sequence[str]:
        """See `LogReader`. It has no settings: nothing is ever removed."""
        return ()

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        """See `LogReader`."""

        def query(connection: sqlite3.Connection) -> str:
            return str(connection.execute(_BOUNDS).fetchone()[0])

        rows = json.loads(await self._readers.run(query, what="log"))
        return {
            number: PartitionBounds(end if first is None else first - number * PARTITION_SPAN, end)
            for number, end, first in rows
        }

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        """See `LogReader`. A partition that there is not, or `max_records` below 1, is a `ValueError`.

        Raises:
            DatabaseDamaged: what is there is not what was appended.
            SidecarUnavailable: the database can't be read.
        """
        self._check_partition(partition)
        if max_records < 1:
            raise ValueError("max_records is less than 1")
        first = max(first, 0)
        base = partition * PARTITION_SPAN
        parameters = {
            "partition": partition,
            "first": base + first,
            "until": base + min(max(until, first), PARTITION_SPAN),
            "max_records": max_records,
            "max_bytes": max(max_bytes, 1),
        }

        def query(connection: sqlite3.Connection) -> tuple[int, tuple[LogRecord, ...]]:
            end, head, body = connection.execute(_SLICE, parameters).fetchone()
            return end, tuple(self._record(partition, columns, value) for columns, value in unpack(head, body))

        end, records = await self._readers.run(query, what="log")
        full = len(records) >= max_records or sum(len(record.value) for record in records) >= max_bytes
        if records and full:
            return LogSlice(records, records[-1].offset + 1)
        return LogSlice(records, max(first, min(until, end)))

    async def delivered(self) -> Mapping[int, int]:
        """See `LogReader`."""

        def query(connection: sqlite3.Connection) -> str:
            return str(connection.execute(_POSITIONS, (self._group,)).fetchone()[0])

        return dict(sorted(json.loads(await self._readers.run(query, what="log"))))

    def _check_partition(self, partition: int) -> None:
        if not 0 <= partition < self._database.partitions:
            raise ValueError(f"there is no partition {partition}, only 0 to {self._database.partitions - 1}")

    def _record(self, partition: int, columns: list[object], value: bytes) -> LogRecord:
        position, key, appended_at_ms, crc = columns
        if not isinstance(position, int) or not isinstance(appended_at_ms, int) or not isinstance(key, str | None):
            raise DatabaseDamaged(self._database.path, f"a record of partition {partition} has columns of wrong types")
        offset = position - partition * PARTITION_SPAN
        if checksum(key, value) != crc:
            raise DatabaseDamaged(self._database.path, f"checksum of partition {partition}, offset {offset}")
        return LogRecord(partition, offset, key, value, appended_at_ms)
