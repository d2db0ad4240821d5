"""The topic that is the log: made by us, with settings under which nothing is lost, and checked for them."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin import ConfigEntry, ConfigResource, NewTopic, ResourceType, TopicDescription

from sidecar.kafka.connection import BrokerFailure, Connection, TopicMissing

REQUIRED: Final = {
    # The log is the only truth: nothing of it may go, by age, by size, or because a later record has the same key.
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    # A broker that lacks records which were confirmed must not come to lead.
    "unclean.leader.election.enable": "false",
    # When the log took a record is for the log to say; a producer's clock may be wrong.
    "message.timestamp.type": "LogAppendTime",
}
_MIN_INSYNC: Final = "min.insync.replicas"
_KNOWN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic to be made.

    Attributes:
        partitions: how many, for good: with another number a learner's events would go elsewhere.
        replication_factor: brokers that keep each record.
        min_insync_replicas: of these, how many must have a record before it counts as appended.
    """

    partitions: int = 8
    replication_factor: int = 1
    min_insync_replicas: int = 1


async def create(connection: Connection, plan: TopicPlan) -> bool:
    """Make the topic, unless it is there.

    Returns:
        Whether it was made now.

    Raises:
        SidecarUnavailable: the brokers do not answer, or refuse.
    """
    topic = connection.config.topic
    admin = await connection.admin()
    wanted = NewTopic(
        topic,
        num_partitions=plan.partitions,
        replication_factor=plan.replication_factor,
        config={**REQUIRED, _MIN_INSYNC: str(plan.min_insync_replicas)},
    )
    seconds = connection.config.seconds
    making = admin.create_topics([wanted], operation_timeout=seconds, request_timeout=seconds)[topic]
    try:
        await connection.answer(making)
    except BrokerFailure as refusal:
        if refusal.code != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    await _until_known(connection)
    return True


async def _until_known(connection: Connection) -> None:
    """Wait for the brokers to know the topic: the controller answers before they do."""
    end = time.monotonic() + connection.config.seconds
    while True:
        try:
            await describe(connection)
        except TopicMissing:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(_KNOWN_SECONDS)
        else:
            return


async def describe(connection: Connection) -> TopicDescription:
    """What the brokers know of the topic: its id, its partitions.

    Raises:
        TopicMissing: there is none.
        SidecarUnavailable: the brokers do not answer.
    """
    topic = connection.config.topic
    admin = await connection.admin()
    futures = admin.describe_topics(TopicCollection([topic]), request_timeout=connection.config.seconds)
    found: TopicDescription = await connection.answer(futures[topic])
    return found


async def faults_of(connection: Connection) -> tuple[str, ...]:
    """Settings of the topic under which the log would lose or disorder what it holds, a sentence each.

    Raises:
        TopicMissing: there is none.
        SidecarUnavailable: the brokers do not answer.
    """
    found = await _settings(connection)
    return tuple(
        f"topic {connection.config.topic} has {name}={found[name].value}, and must have {value}"
        for name, value in REQUIRED.items()
        if found[name].value != value
    )


async def shortages_of(connection: Connection, plan: TopicPlan) -> tuple[str, ...]:
    """Where the topic keeps fewer copies than planned, a sentence each; more are fine.

    Raises:
        TopicMissing: there is none.
        SidecarUnavailable: the brokers do not answer.
    """
    description, settings = await describe(connection), await _settings(connection)
    copies = min(len(partition.replicas) for partition in description.partitions)
    in_sync = int(settings[_MIN_INSYNC].value or 1)
    topic, shortages = connection.config.topic, []
    if copies < plan.replication_factor:
        shortages.append(f"topic {topic} keeps {copies} copies of a record, and is to keep {plan.replication_factor}")
    if in_sync < plan.min_insync_replicas:
        shortages.append(f"topic {topic} has {_MIN_INSYNC}={in_sync}, and is to have {plan.min_insync_replicas}")
    return tuple(shortages)


async def _settings(connection: Connection) -> dict[str, ConfigEntry]:
    resource = ConfigResource(ResourceType.TOPIC, connection.config.topic)
    admin = await connection.admin()
    futures = admin.describe_configs([resource], request_timeout=connection.config.seconds)
    found: dict[str, ConfigEntry] = await connection.answer(futures[resource])
    return found
