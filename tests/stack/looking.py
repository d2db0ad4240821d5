"""Writing to Kafka and Postgres, and reading back, by clients that have nothing to do with the stack's own."""

import subprocess
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.stack.infrastructure import Infrastructure


def new_topic(brokers: str) -> str:
    """Make a topic that nobody else has, of one partition."""
    topic = f"test-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    return topic


def append(brokers: str, topic: str, value: bytes) -> None:
    """Append a value that all replicas have when this returns."""
    errors: list[bool] = []
    producer = Producer({"bootstrap.servers": brokers, "acks": "all"})
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error is not None))
    assert producer.flush(30) == 0
    assert errors == [False]


def values(brokers: str, topic: str, count: int) -> list[bytes | None]:
    """The first values of a topic."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes | None] = []
    try:
        while len(found) < count:
            message = consumer.poll(30)
            assert message is not None, f"{topic} has only {found}"
            assert message.error() is None
            found.append(message.value())
    finally:
        consumer.close()
    return found


def sql(infrastructure: Infrastructure, statement: str) -> str:
    """What Postgres answers to our role, a line for each row."""
    answer = subprocess.run(
        [
            infrastructure.tools.postgres.bin / "psql",
            infrastructure.postgres_dsn.replace("sslmode=disable", "connect_timeout=4"),
            "-Atqc",
            statement,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()
