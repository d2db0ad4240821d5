"""The log of a measurement: filled and read by librdkafka, with nothing in between."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Producer,  # noqa: TID251 - it places keys as Dapr's client does, by name, and nobody else appends
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from bench.replay_facts import BenchFailed, Case, Encoder, facts, learner_id
from deploy.stack.stack import PARTITIONS
from sidecar.dapr import DaprConfig
from sidecar.embedded.partitioner import partition_of
from sidecar.kafka.config import KafkaConfig

TOPIC: Final = DaprConfig().topic
SECONDS: Final = 60
_AT_ONCE: Final = 10_000
_TELL: Final = 200_000


@dataclass(frozen=True, slots=True)
class Filled:
    """A log that holds a case, and what the folds have to make of it.

    Attributes:
        value_bytes: of all values.
        spent_ms: the time that all learners spent.
        seconds: that filling took.
    """

    case: Case
    value_bytes: int
    spent_ms: int
    seconds: float


def tell(text: str) -> None:
    """Say on stderr what is going on."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def fill(brokers: str, case: Case) -> Filled:
    """Append a case to the topic, which is there and empty.

    Raises:
        BenchFailed: the broker did not take all of it.
    """
    failures: list[str] = []
    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 50,
            "batch.num.messages": 10_000,
            # As the component has it.
            "compression.type": "snappy",
            "queue.buffering.max.messages": 100_000,
            "log_level": 0,
        }
    )
    keys = [learner_id(learner) for learner in range(case.learners)]
    places = [partition_of(key, PARTITIONS) for key in keys]
    encoder = Encoder(case)
    size = spent = 0
    began = time.perf_counter()

    def delivered(error: object, _: object) -> None:
        if error is not None:
            failures.append(str(error))

    for fact in facts(case):
        value = encoder.value(fact)
        size += len(value)
        spent += fact.spent_ms
        while True:
            try:
                producer.produce(TOPIC, value, keys[fact.learner], places[fact.learner], on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        if fact.number % 1000 == 0:
            producer.poll(0)
        if fact.number and fact.number % _TELL == 0:
            tell(f"  {fact.number:,} appended")
    left = producer.flush(SECONDS)
    if left or failures:
        raise BenchFailed(f"{left} events were not taken, {len(failures)} refused: {failures[:1]}")
    return Filled(case, size, spent, time.perf_counter() - began)


READERS: Final[dict[str, Callable[[bytes], Any] | None]] = {
    "nothing else": None,
    "json.loads": json.loads,
    "msgspec.json.decode": msgspec.json.decode,
}
"""What is done with each value that is read."""


def read(brokers: str, case: Case, decode: Callable[[bytes], Any] | None) -> float:
    """Events per second, from the first to the last, of reading the whole log in one process.

    Raises:
        BenchFailed: there are not as many as there should be.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bench-reads",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        seen, began = 0, 0.0
        deadline = time.monotonic() + SECONDS + case.events / 1000
        while seen < case.events:
            messages = consumer.consume(_AT_ONCE, 0.05)
            began = began or (time.perf_counter() if messages else 0.0)
            for message in messages:
                error = message.error()
                if error is not None:
                    raise KafkaException(error)
                value = message.value()
                if decode is not None:
                    decode(value or b"")
            seen += len(messages)
            if time.monotonic() > deadline:
                raise BenchFailed(f"only {seen:,} of {case.events:,} events came back")
        return case.events / (time.perf_counter() - began)
    finally:
        consumer.close()


def forget_delivery(brokers: str) -> None:
    """Let delivery to the projector begin at the beginning again; none may be subscribed.

    Raises:
        BenchFailed: the group does not end.
    """
    group = KafkaConfig(brokers).consumer_group
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            admin.delete_consumer_groups([group])[group].result(SECONDS)
        except KafkaException as refusal:
            if "GROUP_ID_NOT_FOUND" in str(refusal):
                return
            # The sidecar's membership ends a little after its process.
            if time.monotonic() > deadline:
                raise BenchFailed(f"consumer group {group} goes on: {refusal}") from refusal
            time.sleep(0.5)
        else:
            return
