"""`learnflow log`: the topic that is the log, made and checked."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from learnflow.operating import operator_settings
from learnflow.settings import Settings, SidecarKind
from learnflow.sidecar import open_tool
from learnflow.terminal import fail, output
from sidecar.errors import SidecarError
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection
from sidecar.kafka.topic import TopicPlan, create, describe, faults_of, shortages_of

commands = typer.Typer(help="The log in Kafka: make its topic, check its settings.", no_args_is_help=True)

T = TypeVar("T")

Brokers = Annotated[
    str | None,
    typer.Option(help="Host and port of some brokers, separated by commas.", show_default="LEARNFLOW_KAFKA_BROKERS"),
]
Properties = Annotated[
    list[str] | None,
    typer.Option(
        "--property",
        "-X",
        metavar="NAME=VALUE",
        help="A property of librdkafka, such as security.protocol=SASL_SSL; may come several times.",
    ),
]
ReplicationFactor = Annotated[int, typer.Option(min=1, help="Brokers that keep each record, at least.")]
MinInsyncReplicas = Annotated[
    int, typer.Option(min=1, help="Of these, how many must have a record before it counts as appended, at least.")
]


@commands.command("create")
def create_log(
    brokers: Brokers = None,
    properties: Properties = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=1024, help="For good.", show_default="LEARNFLOW_PARTITIONS")
    ] = None,
    replication_factor: ReplicationFactor = 1,
    min_insync_replicas: MinInsyncReplicas = 1,
) -> None:
    """Make the topic, with settings under which nothing is lost; one that is there is only checked for all of them.

    In production: three brokers, `--replication-factor 3 --min-insync-replicas 2`.

    Example: `learnflow log create --brokers 127.0.0.1:9092 --partitions 8`
    """
    settings = operator_settings(None)
    connection = _connection(settings, brokers, properties)
    plan = _plan(partitions or settings.partitions, replication_factor, min_insync_replicas)
    made = _run(create(connection, plan))
    _look(connection, "made" if made else "there already:", partitions, plan)


@commands.command("check")
def check_log(
    brokers: Brokers = None,
    properties: Properties = None,
    replication_factor: ReplicationFactor = 1,
    min_insync_replicas: MinInsyncReplicas = 1,
) -> None:
    """Say which log this is, and whether its settings would lose anything; status 1 if they would.

    Whether one copy of each record is enough is for you to say: in production `--replication-factor 3
    --min-insync-replicas 2`.

    Example: `learnflow log check --brokers 127.0.0.1:9092`
    """
    settings = operator_settings(None)
    plan = _plan(settings.partitions, replication_factor, min_insync_replicas)
    _look(_connection(settings, brokers, properties), "sound:", None, plan)


def _plan(partitions: int, replication_factor: int, min_insync_replicas: int) -> TopicPlan:
    if min_insync_replicas > replication_factor:
        fail("--min-insync-replicas can't be more than --replication-factor: nothing could be appended")
    return TopicPlan(partitions, replication_factor, min_insync_replicas)


def _look(connection: Connection, how: str, partitions: int | None, plan: TopicPlan) -> None:
    async def both() -> tuple[str, int, tuple[str, ...], tuple[str, ...]]:
        found = await describe(connection)
        faults, shortages = await faults_of(connection), await shortages_of(connection, plan)
        return str(found.topic_id), len(found.partitions), faults, shortages

    topic_id, count, faults, shortages = _run(both())
    if partitions is not None and count != partitions:
        fail(
            f"topic {connection.config.topic} has {count} partitions, not {partitions}: their number can't be changed,"
            " a learner's events would go elsewhere"
        )
    if faults:
        fail(f"{'; '.join(faults)} (kafka-configs --alter --entity-type topics puts it right)")
    if shortages:
        fail(f"{'; '.join(shortages)} (kafka-reassign-partitions adds copies, kafka-configs the setting)")
    output.print(f"{how} topic {connection.config.topic}, id {topic_id}, {count} partitions", markup=False)


def _connection(settings: Settings, brokers: str | None, properties: list[str] | None) -> Connection:
    given: dict[str, str] = {}
    for text in properties or []:
        name, equals, value = text.partition("=")
        if not name or not equals:
            fail(f"--property {text}: expected NAME=VALUE")
        given[name] = value

    async def further() -> dict[str, str]:
        if settings.sidecar is not SidecarKind.DAPR or not settings.kafka_secret:
            return given
        async with open_tool(settings) as ports:
            return {**await ports.secrets.secret(settings.kafka_secret), **given}

    return Connection(KafkaConfig(brokers or settings.kafka_brokers, properties=further))


def _run(step: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(step)
    except SidecarError as error:
        fail(str(error))
