"""Reading the log without being a consumer of it."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import ListOffsetsResultInfo, OffsetSpec

from sidecar.errors import SidecarUnavailable
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection, failure_of
from sidecar.kafka.topic import describe, faults_of
from sidecar.records import LogIdentity, LogRecord, LogSlice, PartitionBounds

_POLL_RECORDS: Final = 500
# The client waits this long for as many records as it was asked for, also when it has the last one already.
_POLL_SECONDS: Final = 0.05


class KafkaLogReader:
    """Implements `LogReader`. It connects at the first question; close it in the end."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._connection = Connection(config)
        self._consumer: Consumer | None = None
        self._opening = asyncio.Lock()
        # The consumer blocks and is one reader's at a time; a single thread gives both.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")

    async def identity(self) -> LogIdentity:
        """See `LogReader`."""
        found = await describe(self._connection)
        return LogIdentity(str(found.topic_id), len(found.partitions))

    async def faults(self) -> tuple[str, ...]:
        """See `LogReader`."""
        return await faults_of(self._connection)

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        """See `LogReader`."""
        found = await describe(self._connection)
        numbers = [partition.id for partition in found.partitions]
        starts, ends = await asyncio.gather(
            self._offsets(numbers, OffsetSpec.earliest()), self._offsets(numbers, OffsetSpec.latest())
        )
        return {number: PartitionBounds(start=starts[number], end=ends[number]) for number in sorted(numbers)}

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        """See `LogReader`. Where the time runs out in the middle, what was read until then is the slice."""
        async with self._opening:
            consumer = self._consumer = self._consumer or await self._connection.new_consumer()

        def read() -> LogSlice:
            # Its time begins here and not while it waits for others.
            limits = _Limits(max_records, max_bytes, self._config.seconds)
            return _read(consumer, self._config.topic, partition, first, until, limits)

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def close(self) -> None:
        """Close the connections; waits for a read under way."""
        consumer = self._consumer
        if consumer is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, consumer.close)
            self._consumer = None
        self._thread.shutdown(wait=True)

    async def _offsets(self, partitions: list[int], which: OffsetSpec) -> dict[int, int]:
        admin = await self._connection.admin()
        asked = {TopicPartition(self._config.topic, number): which for number in partitions}
        futures = admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=self._config.seconds
        )
        found: list[ListOffsetsResultInfo] = await asyncio.gather(
            *(self._connection.answer(futures[position]) for position in asked)
        )
        return {number: info.offset for number, info in zip(partitions, found, strict=True)}


class _Limits:
    """When a read ends, besides at its end."""

    def __init__(self, records: int, size: int, seconds: float) -> None:
        self._records = records
        self._size = size
        self._end = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        return max(0.0, self._end - time.monotonic())

    @property
    def records(self) -> int:
        return self._records

    def take(self, message: Message) -> None:
        self._records -= 1
        self._size -= len(message.value() or b"")

    def reached(self) -> bool:
        return self._records <= 0 or self._size <= 0


def _read(consumer: Consumer, topic: str, partition: int, first: int, until: int, limits: _Limits) -> LogSlice:
    try:
        start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=limits.seconds)
        # What the log has removed is absent for certain.
        position, until = max(first, min(start, until)), min(until, end)
        if position >= until:
            return LogSlice((), position)
        consumer.assign([TopicPartition(topic, partition, position)])
        try:
            return _collect(consumer, topic, position, until, limits)
        finally:
            consumer.unassign()
    except KafkaException as error:
        if error.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - a public constant
            raise _unknown(consumer, topic, partition, limits.seconds) from error
        raise failure_of(error.args[0], topic) from error


def _unknown(consumer: Consumer, topic: str, partition: int, seconds: float) -> Exception:
    """Why the client knows no such partition: it says the same while the brokers are away, or have no such topic."""
    try:
        found = consumer.list_topics(topic, max(seconds, _POLL_SECONDS)).topics[topic]
    except KafkaException as error:
        return failure_of(error.args[0], topic)
    if found.error is not None:
        return failure_of(found.error, topic)
    if partition in found.partitions:
        return SidecarUnavailable("log", f"partition {partition} of topic {topic} can't be reached yet")
    return ValueError(f"topic {topic} has no partition {partition}")


def _collect(consumer: Consumer, topic: str, position: int, until: int, limits: _Limits) -> LogSlice:
    records: list[LogRecord] = []
    while position < until and not limits.reached():
        messages = consumer.consume(min(limits.records, _POLL_RECORDS), min(limits.seconds, _POLL_SECONDS))
        if not messages and limits.seconds <= 0:
            if records:
                break
            raise SidecarUnavailable("log", f"topic {topic} did not hand over offset {position} in time")
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public constant
                if (message.offset() or 0) < until:
                    continue  # told by a broker that has only just begun to lead, and does not have all of it yet
                # What is left before it are markers, not records.
                return LogSlice(tuple(records), until)
            if error is not None:
                raise KafkaException(error)
            record = _record(message)
            if record.offset >= until:
                return LogSlice(tuple(records), until)
            records.append(record)
            limits.take(message)
            position = record.offset + 1
            if limits.reached():
                break
    return LogSlice(tuple(records), position)


def _record(message: Message) -> LogRecord:
    key, value = message.key(), message.value()
    _, timestamp = message.timestamp()
    return LogRecord(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=None if key is None else key.decode("utf-8", "replace"),
        # The sidecar delivers a record without a value as JSON's null, and both ways have to give the same bytes.
        value=b"null" if value is None else value,
        appended_at_ms=timestamp,
    )
