"""Kafka as foreign programs see it: a producer and a consumer of the tests' own."""

import asyncio
from collections.abc import Mapping

from confluent_kafka import Producer

SECONDS = 30


class ForeignProducer:
    """A producer that is not ours: it hashes keys its own way, or names the partition itself."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._topic = topic
        self._brokers = brokers
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0, "log_level": 0})

    async def append(
        self, partition: int, key: str | bytes | None, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> None:
        """Append one record; on return the broker has it."""
        await asyncio.to_thread(_send, self._producer, self._topic, partition, key, value, headers)

    async def append_before_hole(self, partition: int, key: str | None, value: bytes) -> None:
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
            producer.commit_transaction(SECONDS)

        await asyncio.to_thread(send)


def _send(
    producer: Producer,
    topic: str,
    partition: int,
    key: str | bytes | None,
    value: bytes | None,
    headers: Mapping[str, bytes] | None,
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
