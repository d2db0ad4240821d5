"""A topic of the test's own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack.infrastructure import Infrastructure
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection
from sidecar.kafka.log_reader import KafkaLogReader
from sidecar.kafka.topic import TopicPlan, create
from tests.kafka import ForeignProducer

PARTITIONS = 2

Readers = Callable[[KafkaConfig], KafkaLogReader]


@pytest.fixture
async def config(infrastructure: Infrastructure) -> AsyncIterator[KafkaConfig]:
    """Where a topic of two partitions is, with little patience."""
    config = KafkaConfig(infrastructure.brokers, f"log-{uuid.uuid4().hex}", seconds=2)
    await create(Connection(KafkaConfig(infrastructure.brokers, config.topic, seconds=20)), TopicPlan(PARTITIONS))
    yield config
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers})
    await asyncio.to_thread(admin.delete_topics([config.topic])[config.topic].result, 30)


@pytest.fixture
async def open_reader() -> AsyncIterator[Readers]:
    """Opens readers, and closes them in the end."""
    opened: list[KafkaLogReader] = []

    def open_reader(config: KafkaConfig) -> KafkaLogReader:
        opened.append(KafkaLogReader(config))
        return opened[-1]

    yield open_reader
    for reader in opened:
        await reader.close()


@pytest.fixture
def reader(config: KafkaConfig, open_reader: Readers) -> KafkaLogReader:
    """A reader of the topic."""
    return open_reader(config)


@pytest.fixture
def foreign(config: KafkaConfig) -> ForeignProducer:
    """A producer to the topic."""
    return ForeignProducer(config.brokers, config.topic)
