"""A log and a state store in memory, with faults on demand, for driving the engine through everything that can happen.

They keep the promises of the ports and nothing more; `tests/contract` holds the real adapters to the same promises.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from sidecar.errors import MessageTooLarge, SidecarUnavailable, StateConflict
from sidecar.records import (
    Delete,
    LogIdentity,
    LogRecord,
    LogSlice,
    PartitionBounds,
    Put,
    StoredDocument,
)

LOGGED_AT_MS = 1_900_000_000_000


@dataclass
class MemoryLog:
    """Partitions as lists; `None` is an offset that the log confirms to have no record."""

    partitions: int = 2
    topic_id: str = "topic-1"
    contents: dict[int, list[LogRecord | None]] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.contents = {number: [] for number in range(self.partitions)}

    def append(self, partition: int, value: bytes, key: str | None = None) -> int:
        records = self.contents[partition]
        records.append(LogRecord(partition, len(records), key, value, LOGGED_AT_MS + 1000 * partition + len(records)))
        return len(records) - 1

    def append_nothing(self, partition: int) -> None:
        self.contents[partition].append(None)

    def records(self, partition: int, first: int = 0, until: int | None = None) -> list[LogRecord]:
        return [record for record in self.contents[partition][first:until] if record is not None]

    async def identity(self) -> LogIdentity:
        await asyncio.sleep(0)
        return LogIdentity(self.topic_id, self.partitions)

    async def faults(self) -> Sequence[str]:
        return ()

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        await asyncio.sleep(0)
        return {
            number: PartitionBounds(self.starts.get(number, 0), len(records))
            for number, records in self.contents.items()
        }

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        await asyncio.sleep(0)
        found: list[LogRecord] = []
        size = 0
        end = min(until, len(self.contents[partition]))
        for record in self.records(partition, first, end):
            if found and (len(found) == max_records or size + len(record.value) > max_bytes):
                return LogSlice(tuple(found), record.offset)
            found.append(record)
            size += len(record.value)
        return LogSlice(tuple(found), max(first, end))

    async def delivered(self) -> Mapping[int, int]:
        await asyncio.sleep(0)
        return dict(self.committed)


@dataclass
class MemoryState:
    """Documents in a dictionary. `faults` are met in turn, one an operation of their kind."""

    documents: dict[str, StoredDocument] = field(default_factory=dict)
    read_faults: list[str] = field(default_factory=list)
    write_faults: list[str] = field(default_factory=list)
    max_bytes: int = 4 * 1024 * 1024
    etags: Iterable[int] = field(default_factory=count)
    transactions: int = 0
    conflicts: int = 0

    async def read(
        self,
        keys: Collection[str],
        *,
        confirm_absence: bool = True,  # noqa: ARG002 - absence is certain here
    ) -> Mapping[str, StoredDocument]:
        await asyncio.sleep(0)
        fault = self.read_faults.pop(0) if self.read_faults else None
        if fault == "unavailable":
            raise SidecarUnavailable("state store", "out for a walk")
        found = {key: self.documents[key] for key in keys if key in self.documents}
        if sum(len(document.value) for document in found.values()) > self.max_bytes:
            raise MessageTooLarge
        await asyncio.sleep(0)
        return found

    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        await asyncio.sleep(0)
        keys = [operation.key for operation in operations]
        assert len(set(keys)) == len(keys)
        # Rivals lock in one order: the partition first, then by key. Only the first generation begins with `control`.
        assert keys[1:] == sorted(keys[1:])
        assert keys[0] == "control" or "/partition/" in keys[0]
        fault = self.write_faults.pop(0) if self.write_faults else None
        if fault == "conflict":
            raise StateConflict
        if fault == "unavailable":
            raise SidecarUnavailable("state store", "no answer, nothing written")
        if sum(len(one.value) for one in operations if isinstance(one, Put)) > self.max_bytes:
            raise MessageTooLarge
        for operation in operations:
            stored = self.documents.get(operation.key)
            if (None if stored is None else stored.etag) != operation.etag:
                self.conflicts += 1
                raise StateConflict
        for operation in operations:
            if isinstance(operation, Put):
                self.documents[operation.key] = StoredDocument(operation.value, str(next(iter(self.etags))))
            else:
                del self.documents[operation.key]
        self.transactions += 1
        if fault == "lost ack":
            raise SidecarUnavailable("state store", "no answer, but it is written")
        await asyncio.sleep(0)

    def values(self) -> dict[str, bytes]:
        return {key: document.value for key, document in self.documents.items()}
