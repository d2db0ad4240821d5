"""What the reader makes of the end of a partition, told too early or behind markers."""

from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, Message

from sidecar.errors import SidecarUnavailable
from sidecar.kafka.log_reader import _collect, _Limits


class _Told:
    """A consumer that hands over one record, then tells of an end."""

    def __init__(self, end: int) -> None:
        self._messages = [
            Message("t", 0, 3, b"k", b"v", None, None, (2, 1_790_000_000_000)),
            Message("t", 0, end, None, None, None, KafkaError(KafkaError._PARTITION_EOF)),
        ]

    def consume(self, _count: int, _seconds: float) -> list[Message]:
        messages, self._messages = self._messages, []
        return messages


def test_an_end_behind_the_markers_confirms_that_nothing_more_is_there() -> None:
    consumer = cast("Consumer", _Told(end=6))
    part = _collect(consumer, "t", 3, 6, _Limits(records=10, size=1000, seconds=0.2))
    assert ([record.offset for record in part.records], part.next_offset) == ([3], 6)


def test_an_end_before_what_is_known_to_be_there_confirms_nothing() -> None:
    consumer = cast("Consumer", _Told(end=4))
    part = _collect(consumer, "t", 3, 6, _Limits(records=10, size=1000, seconds=0.2))
    assert ([record.offset for record in part.records], part.next_offset) == ([3], 4)


def test_an_end_before_the_first_offset_is_no_answer() -> None:
    consumer = _Told(end=3)
    consumer._messages = consumer._messages[1:]
    with pytest.raises(SidecarUnavailable):
        _collect(cast("Consumer", consumer), "t", 3, 6, _Limits(records=10, size=1000, seconds=0.2))
