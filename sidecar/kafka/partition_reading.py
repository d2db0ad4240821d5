"""Reading stretches of partitions with one consumer that belongs to no group."""

import time
from collections import deque
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sidecar.errors import SidecarUnavailable
from sidecar.kafka.connection import failure_of
from sidecar.records import LogRecord, LogSlice

_POLL_RECORDS: Final = 1000
_POLL_SECONDS: Final = 0.05


class Limits:
    """When a read ends, besides at its end."""

    def __init__(self, records: int, size: int, seconds: float) -> None:
        self.records = records
        self._size = size
        self._end = time.monotonic() + seconds

    @property
    def seconds(self) -> float:
        """That are left, from 0."""
        return max(0.0, self._end - time.monotonic())

    def take(self, size: int) -> None:
        """Count a record with a value of so many bytes."""
        self.records -= 1
        self._size -= size

    def reached(self) -> bool:
        """Whether nothing more is to be read."""
        return self.records <= 0 or self._size <= 0


class PartitionReading:
    """Reads one stretch after another. Blocks; for use by one thread at a time.

    A read that goes on where the one before was cut off finds the records that came ahead meanwhile.
    """

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._next: tuple[int, int] | None = None
        self._end = 0
        self._ahead: deque[Message] = deque()

    def read(self, partition: int, first: int, until: int, limits: Limits) -> LogSlice:
        """See `LogReader.read`. Where time runs out in the middle, what was read until then is the slice.

        Raises:
            BrokerFailure: the brokers refused, or were not reached.
            SidecarUnavailable: they did not hand over anything in time.
            ValueError: there is no such partition.
        """
        try:
            if self._next == (partition, first) and until <= self._end:
                position = first
            else:
                self._leave()
                bounds = TopicPartition(self._topic, partition)
                start, self._end = self._consumer.get_watermark_offsets(bounds, timeout=limits.seconds)
                # What the log has removed is absent for certain.
                position, until = max(first, min(start, until)), min(until, self._end)
                if position >= until:
                    return LogSlice((), position)
                self._consumer.assign([TopicPartition(self._topic, partition, position)])
            found = self._collect(position, until, limits)
        except KafkaException as error:
            self._leave()
            if error.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - a public constant
                raise self._unknown(partition, limits.seconds) from error
            raise failure_of(error.args[0], self._topic) from error
        except BaseException:
            self._leave()
            raise
        if found.next_offset < until:
            self._next = partition, found.next_offset
        else:
            # Nobody has asked for more: fetching ahead would only keep broker and memory busy.
            self._leave()
        return found

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _leave(self) -> None:
        self._next = None
        self._ahead.clear()
        self._consumer.unassign()

    def _unknown(self, partition: int, seconds: float) -> Exception:
        """Why the client knows no such partition: it says the same while brokers are away, or have no such topic."""
        try:
            found = self._consumer.list_topics(self._topic, max(seconds, _POLL_SECONDS)).topics[self._topic]
        except KafkaException as error:
            return failure_of(error.args[0], self._topic)
        if found.error is not None:
            return failure_of(found.error, self._topic)
        if partition in found.partitions:
            return SidecarUnavailable("log", f"partition {partition} of topic {self._topic} can't be reached yet")
        return ValueError(f"topic {self._topic} has no partition {partition}")

    def _fetch(self, limits: Limits) -> None:
        # Waits for one, and takes what else is there: asked for more at once the client waits out its time where there
        # are fewer.
        self._ahead.extend(self._consumer.consume(1, min(limits.seconds, _POLL_SECONDS)))
        if self._ahead:
            self._ahead.extend(self._consumer.consume(_POLL_RECORDS, 0))

    def _collect(self, position: int, until: int, limits: Limits) -> LogSlice:
        records: list[LogRecord] = []
        while position < until and not limits.reached():
            if not self._ahead:
                self._fetch(limits)
            if not self._ahead and limits.seconds <= 0:
                if records:
                    break
                raise SidecarUnavailable("log", f"topic {self._topic} did not hand over offset {position} in time")
            while self._ahead and not limits.reached():
                message = self._ahead.popleft()
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
                limits.take(len(record.value))
                position = record.offset + 1
        return LogSlice(tuple(records), position)


def _record(message: Message) -> LogRecord:
    key, value = message.key(), message.value()
    return LogRecord(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=None if key is None else key.decode("utf-8", "replace"),
        # The sidecar delivers a record without a value as JSON's null, and both ways have to give the same bytes.
        value=b"null" if value is None else value,
        appended_at_ms=message.timestamp()[1],
    )
