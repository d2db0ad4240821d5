"""The log: appended to by the writer's thread, read by connections of their own."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from sidecar.checks import check_records
from sidecar.embedded.database import Database
from sidecar.embedded.errors import DatabaseDamaged
from sidecar.embedded.partitioner import partition_of
from sidecar.embedded.readers import Readers
from sidecar.embedded.rows import PACKED, checksum, insert, unpack
from sidecar.embedded.writer import WriteFailed, Writer
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from sidecar.records import LogIdentity, LogRecord, LogSlice, NewRecord, PartitionBounds

RECORD_OVERHEAD_BYTES = 64
"""What a record counts towards the largest message, beside its key and value."""

_PARTITION_SPAN = 1 << 40

_BOUNDS = (
    "SELECT json_group_array(json_array(number, next, (SELECT min(position) FROM log"  # noqa: S608 - no data
    f" WHERE position >= number * {_PARTITION_SPAN} AND position < (number + 1) * {_PARTITION_SPAN})))"
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
_ENDS = "SELECT json_group_array(json_array(number, next, last_ms)) FROM partition"
_ADVANCE = " ON CONFLICT (number) DO UPDATE SET next = excluded.next, last_ms = excluded.last_ms"


class EmbeddedLog:
    """Both ports of the log, `EventAppender` and `LogReader`, and what only tests need: other producers, lost records.

    A record, or all of one call together, may have `max_message_bytes`; each spends `RECORD_OVERHEAD_BYTES` of them.
    """

    def __init__(self, database: Database, writer: Writer, readers: Readers, *, max_message_bytes: int) -> None:
        self._database = database
        self._writer = writer
        self._readers = readers
        self._max_message_bytes = max_message_bytes
        self._listeners: set[Callable[[], None]] = set()

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        """See `EventAppender`; one call appends all or none."""
        check_records(records)
        placed: list[tuple[int, str | None, bytes]] = []
        size = 0
        for record in records:
            placed.append((partition_of(record.key, self._database.partitions), record.key, bytes(record.value)))
            size += len(record.key) + len(record.value) + RECORD_OVERHEAD_BYTES
        if size > self._max_message_bytes:
            raise MessageTooLarge(f"{size} bytes to append, and the log takes {self._max_message_bytes} at once")
        if placed:
            await self._append(placed, timeout_seconds)

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
            number: PartitionBounds(end if first is None else first - number * _PARTITION_SPAN, end)
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
        base = partition * _PARTITION_SPAN
        parameters = {
            "partition": partition,
            "first": base + first,
            "until": base + min(max(until, first), _PARTITION_SPAN),
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

    async def append_to(self, partition: int, key: str | None, value: bytes) -> None:
        """Act as another producer: append one record of any key, or none, to any partition.

        Raises:
            AppendRefused: it was not appended.
            AppendUnconfirmed: it may have been.
        """
        self._check_partition(partition)
        await self._append([(partition, key, value)], None)

    async def skip(self, partition: int, offsets: int = 1) -> None:
        """Act as a broker that gives offsets to no record (as Kafka does to the markers of a transaction).

        Raises:
            WriteFailed: the database failed.
        """
        self._check_partition(partition)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE partition SET next = next + ? WHERE number = ?", (offsets, partition))

        await self._writer.submit(work, committed=self._notify)

    async def lose(self, partition: int, first: int, until: int) -> None:
        """Act as a broker that lost, or no longer keeps, the records of `first <= offset < until`.

        Raises:
            WriteFailed: the database failed.
        """
        self._check_partition(partition)
        base = partition * _PARTITION_SPAN

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM log WHERE position >= ? AND position < ?", (base + first, base + until))

        await self._writer.submit(work)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called, in the event loop, whenever something was appended."""
        self._listeners.add(listener)

    def _check_partition(self, partition: int) -> None:
        if not 0 <= partition < self._database.partitions:
            raise ValueError(f"there is no partition {partition}, only 0 to {self._database.partitions - 1}")

    def _record(self, partition: int, columns: list[object], value: bytes) -> LogRecord:
        position, key, appended_at_ms, crc = columns
        if not isinstance(position, int) or not isinstance(appended_at_ms, int) or not isinstance(key, str | None):
            raise DatabaseDamaged(self._database.path, f"a record of partition {partition} has columns of wrong types")
        offset = position - partition * _PARTITION_SPAN
        if checksum(key, value) != crc:
            raise DatabaseDamaged(self._database.path, f"checksum of partition {partition}, offset {offset}")
        return LogRecord(partition, offset, key, value, appended_at_ms)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    async def _append(self, placed: Sequence[tuple[int, str | None, bytes]], timeout_seconds: float | None) -> None:
        def work(connection: sqlite3.Connection) -> None:
            _insert(connection, placed)

        try:
            await self._writer.submit(work, timeout_seconds=timeout_seconds, committed=self._notify)
        except WriteFailed as error:
            if error.perhaps_written:
                raise AppendUnconfirmed(error.detail) from error
            raise AppendRefused(error.detail) from error


def _insert(connection: sqlite3.Connection, placed: Sequence[tuple[int, str | None, bytes]]) -> None:
    """Give every record its offset and time, and insert it."""
    now = time.time_ns() // 1_000_000
    ends = {number: (end, max(last_ms, now)) for number, end, last_ms in json.loads(_one(connection, _ENDS))}
    touched = set()
    rows = []
    for partition, key, value in placed:
        offset, at = ends[partition]
        rows.append((partition * _PARTITION_SPAN + offset, key, value, checksum(key, value), at))
        ends[partition] = (offset + 1, at)
        touched.add(partition)
    # In the order of the file's tree.
    rows.sort(key=lambda row: row[0])
    insert(connection, "log", rows)
    insert(connection, "partition", [(number, *ends[number]) for number in sorted(touched)], _ADVANCE)


def _one(connection: sqlite3.Connection, sql: str) -> str:
    return str(connection.execute(sql).fetchone()[0])
