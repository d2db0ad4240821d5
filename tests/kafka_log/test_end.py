"""What the reader makes of the end of a partition, told too early or behind markers, and of being asked to go on."""

from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from sidecar.errors import SidecarUnavailable
from sidecar.kafka.partition_reading import Limits, PartitionReading
from sidecar.records import LogSlice


class _Told:
    """A consumer that hands over what is given, batch by batch, and notes what it is assigned."""

    def __init__(self, *batches: list[Message], end: int = 6) -> None:
        self._batches = list(batches)
        self._end = end
        self.assigned: list[int] = []

    def get_watermark_offsets(self, _partition: TopicPartition, *, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        return 0, self._end

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned += [one.offset for one in partitions]

    def unassign(self) -> None:
        """There is nothing to forget here."""

    def consume(self, count: int, _seconds: float) -> list[Message]:
        if not self._batches:
            return []
        batch = self._batches.pop(0)
        if batch[count:]:
            self._batches.insert(0, batch[count:])
        return batch[:count]


def _message(offset: int) -> Message:
    return Message("t", 0, offset, b"k", b"v%d" % offset, None, None, (2, 1_790_000_000_000))


def _end(offset: int) -> Message:
    return Message("t", 0, offset, None, None, None, KafkaError(KafkaError._PARTITION_EOF))


def _read(reading: PartitionReading, first: int, *, records: int = 10) -> LogSlice:
    return reading.read(0, first, 6, Limits(records=records, size=1000, seconds=0.2))


def _reading(consumer: _Told) -> PartitionReading:
    return PartitionReading(cast("Consumer", consumer), "t")


def test_an_end_behind_the_markers_confirms_that_nothing_more_is_there() -> None:
    part = _read(_reading(_Told([_message(3), _end(6)])), 3)
    assert ([record.offset for record in part.records], part.next_offset) == ([3], 6)


def test_an_end_before_what_is_known_to_be_there_confirms_nothing() -> None:
    part = _read(_reading(_Told([_message(3), _end(4)])), 3)
    assert ([record.offset for record in part.records], part.next_offset) == ([3], 4)


def test_an_end_before_the_first_offset_is_no_answer() -> None:
    with pytest.raises(SidecarUnavailable):
        _read(_reading(_Told([_end(3)])), 3)


def test_what_goes_on_where_it_was_cut_off_is_not_fetched_again() -> None:
    consumer = _Told([_message(1), _message(2), _message(3)], [_message(4), _message(5)])
    reading = _reading(consumer)
    offsets = []
    first = 1
    while first < 6:
        part = _read(reading, first, records=2)
        offsets.append([record.offset for record in part.records])
        first = part.next_offset
    assert offsets == [[1, 2], [3, 4], [5]]
    assert consumer.assigned == [1]


def test_what_begins_elsewhere_is_fetched_from_there() -> None:
    consumer = _Told([_message(1), _message(2), _message(3)], [_message(0), _message(1)])
    reading = _reading(consumer)
    _read(reading, 1, records=1)
    part = _read(reading, 0, records=2)
    assert [record.offset for record in part.records] == [0, 1]
    assert consumer.assigned == [1, 0]


def test_after_a_failure_it_is_fetched_again() -> None:
    failure = Message("t", 0, 2, None, None, None, KafkaError(KafkaError._ALL_BROKERS_DOWN))
    consumer = _Told([_message(1), failure], [_message(2)])
    reading = _reading(consumer)
    assert _read(reading, 1, records=1).next_offset == 2
    with pytest.raises(SidecarUnavailable):
        _read(reading, 2, records=1)
    assert _read(reading, 2, records=1).next_offset == 3
    assert consumer.assigned == [1, 2]
