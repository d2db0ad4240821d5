"""What travels through the ports."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append.

    Attributes:
        key: records of one key are in one partition, in the order of their appends; ASCII.
        value: the exact bytes that the log will hold, one at least: Dapr hands over an empty value as none at all.
    """

    key: str
    value: bytes


class LogRecord(NamedTuple):
    """A record as the log holds it.

    Attributes:
        partition: counts from 0.
        offset: position within the partition; later records have larger ones, not always the next number.
        key: as appended by us; `None` where a foreign producer set none, and not promised to be exact where one set
            something other than ASCII text.
        value: the exact bytes; where a foreign producer set none, a stand-in that delivery and reader agree on.
        appended_at_ms: when the log took it (LogAppendTime), milliseconds since 1970 UTC.
    """

    partition: int
    offset: int
    key: str | None
    value: bytes
    appended_at_ms: int


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this is: a recreated topic is another log, also under the same name.

    Attributes:
        topic_id: given by the log when the topic was made, never reused.
        partitions: how many there are, for good.
    """

    topic_id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class PartitionBounds:
    """What a partition holds now.

    Attributes:
        start: the first offset still there, or the next to be given if there is none.
        end: the next offset to be given.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LogSlice:
    """A stretch of a partition, read completely.

    Attributes:
        records: every record with `first <= offset < next_offset`, in offset order.
        next_offset: where to read on. Offsets before it that are not in `records` are confirmed absent.
    """

    records: tuple[LogRecord, ...]
    next_offset: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the state store holds it.

    Attributes:
        value: the exact bytes written.
        etag: names this very version; opaque, never given twice for one key.
    """

    value: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write a document if it still is what it was when it was read.

    Attributes:
        key: at most 1,000 characters, without `||`.
        value: the exact bytes to keep, one at least: Dapr hands over an empty value as none at all.
        etag: of the version that was read; `None` means that there was none (first-write: insert if absent).
    """

    key: str
    value: bytes
    etag: str | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a document if it still is what it was when it was read."""

    key: str
    etag: str
