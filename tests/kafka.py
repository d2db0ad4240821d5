"""Kafka as foreign programs see it: a producer and a consumer of the tests' own."""

import asyncio
from collections.abc import Mapping
from itertools import count

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

SECONDS = 30


class ForeignProducer:
    """A producer that is not ours: it hashes keys its own way, or names the partition itself."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._topic = topic
        self._brokers = brokers
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "log_level": 0})

    async def append(
        self,
        partition: int,
        key: str | bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """Append one record; on return the broker has it."""
        await asyncio.to_thread(_send, self._producer, self._topic, partition, key, value, headers)

    async def append_before_hole(self, partition: int, key: str | None, value: bytes, *, aborted: bool = False) -> None:
        """Append one record, and behind it the marker of a transaction: an offset that belongs to no record."""

        def send() -> None:
            producer = Producer(
                {
                    "bootstrap.servers": self._brokers,
                    "transactional.id": f"{self._topic}-holes",
                    "log_level": 0,
                }
            )
            producer.init_transactions(SECONDS)
            producer.begin_transaction()
            _send(producer, self._topic, partition, key, value, None)
            if aborted:
                producer.abort_transaction(SECONDS)
            else:
                producer.commit_transaction(SECONDS)

        await asyncio.to_thread(send)


def _send(
    producer: Producer,
    topic: str,
    partition: int,
    key: str | bytes | None,
    value: bytes | None,
    headers: Mapping[str, bytes | None] | None,
) -> None:
    failures: list[object] = []
    producer.produce(
        topic,
        value,
        key,
        partition,
        on_delivery=lambda error, _: failures.append(error) if error else None,
        headers=dict(headers or {}),
    )
    assert producer.flush(SECONDS) == 0
    assert not failures, failures


def read_topic(brokers: str, topic: str) -> list[Message]:
    """Everything that a topic holds now, by partition and offset, whether its transaction was committed or not."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "foreign-consumer",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "log_level": 0,
        }
    )
    found: list[Message] = []
    try:
        waiting = set(consumer.list_topics(topic, SECONDS).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in waiting])
        while waiting:
            message = consumer.poll(SECONDS)
            assert message is not None, "the broker says nothing"
            error = message.error()
            if error is None:
                found.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                waiting.discard(message.partition() or 0)
    finally:
        consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def partition_of(key: str, partitions: int) -> int:
    """Where the sidecar puts a key: FNV-1a of 32 bits taken as a signed number, its remainder made positive."""
    state = 0x811C9DC5
    for byte in key.encode():
        state = (state ^ byte) * 0x01000193 % 2**32
    signed = state - 2**32 if state >= 2**31 else state
    return abs(signed) % partitions


def key_in(partition: int, partitions: int) -> str:
    """A key that the sidecar puts there."""
    return next(key for number in count() if partition_of(key := f"learner-{number}", partitions) == partition)
