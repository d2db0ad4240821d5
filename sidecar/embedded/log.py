"""Appending to the log, in the writer's thread."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence

from sidecar.checks import check_records
from sidecar.embedded.database import Database
from sidecar.embedded.log_reader import PARTITION_SPAN, EmbeddedLogReader
from sidecar.embedded.partitioner import partition_of
from sidecar.embedded.readers import Readers
from sidecar.embedded.rows import checksum, insert
from sidecar.embedded.writer import WriteFailed, Writer
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from sidecar.records import NewRecord

RECORD_OVERHEAD_BYTES = 64
"""What a record counts towards the largest message, beside its key and value."""

_ENDS = "SELECT json_group_array(json_array(number, next, last_ms)) FROM partition"
_ADVANCE = " ON CONFLICT (number) DO UPDATE SET next = excluded.next, last_ms = excluded.last_ms"


class EmbeddedLog(EmbeddedLogReader):
    """Both ports of the log, `EventAppender` and `LogReader`, and what only tests need: other producers, lost records.

    A record, or all of one call together, may have `max_message_bytes`; each spends `RECORD_OVERHEAD_BYTES` of them.
    """

    def __init__(
        self, database: Database, writer: Writer, readers: Readers, *, group: str, max_message_bytes: int
    ) -> None:
        super().__init__(database, readers, group=group)
        self._writer = writer
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
        base = partition * PARTITION_SPAN

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM log WHERE position >= ? AND position < ?", (base + first, base + until))

        await self._writer.submit(work)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called, in the event loop, whenever something was appended."""
        self._listeners.add(listener)

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
        rows.append((partition * PARTITION_SPAN + offset, key, value, checksum(key, value), at))
        ends[partition] = (offset + 1, at)
        touched.add(partition)
    # In the order of the file's tree.
    rows.sort(key=lambda row: row[0])
    insert(connection, "log", rows)
    insert(connection, "partition", [(number, *ends[number]) for number in sorted(touched)], _ADVANCE)


def _one(connection: sqlite3.Connection, sql: str) -> str:
    return str(connection.execute(sql).fetchone()[0])
