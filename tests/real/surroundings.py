"""Kafka and Postgres as an operator sees them: the topic and the tables, past LearnFlow."""

import json
import time
from collections import Counter
from typing import Any, Final

import httpx2
import psycopg
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import Replica
from tests.deadlines import eventually

TOPIC: Final = "learnflow.events"
TABLE: Final = "learnflow_state"
SECONDS: Final = 30


def wipe(infrastructure: Infrastructure) -> None:
    """Forget the log and the documents; no service may run. The next stack makes both anew."""
    delete_topic(infrastructure)
    sql(infrastructure, f"DROP TABLE IF EXISTS {TABLE}, learnflow_metadata")


def delete_topic(infrastructure: Infrastructure) -> None:
    """Delete the topic, if it is there; returns when it is gone."""
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    try:
        admin.delete_topics([TOPIC], operation_timeout=SECONDS)[TOPIC].result(SECONDS)
    except KafkaException as failure:
        if failure.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise
    eventually(lambda: TOPIC not in admin.list_topics(timeout=SECONDS).topics)


def sql(infrastructure: Infrastructure, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Carry out a statement, committed; its rows, if it has any."""
    with psycopg.connect(infrastructure.postgres_dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []


def documents(infrastructure: Infrastructure) -> dict[str, Any]:
    """All documents by key, as JSON."""
    rows = sql(infrastructure, f"SELECT key, value FROM {TABLE}")  # noqa: S608 - our own table
    return {key: json.loads(bytes(value)) for key, value in rows}


def copy_documents(infrastructure: Infrastructure) -> bytes:
    """The rows of the documents with all their columns, as a backup holds them."""
    with (
        psycopg.connect(infrastructure.postgres_dsn) as connection,
        connection.cursor().copy(f"COPY {TABLE} TO STDOUT".encode()) as rows,
    ):
        return b"".join(bytes(row) for row in rows)


def restore_documents(infrastructure: Infrastructure, backup: bytes) -> None:
    """Put back what `copy_documents` gave, in the place of whatever is there, at once."""
    with psycopg.connect(infrastructure.postgres_dsn) as connection, connection.cursor() as cursor:
        # As DELETE, which waits for nobody: whoever reads meanwhile sees the rows of before.
        cursor.execute(f"DELETE FROM {TABLE}".encode())  # noqa: S608 - our own table
        with cursor.copy(f"COPY {TABLE} FROM STDIN".encode()) as rows:
            rows.write(backup)


def throw_documents_away(infrastructure: Infrastructure) -> None:
    """Leave an empty table."""
    sql(infrastructure, f"TRUNCATE {TABLE}")


def accounts(infrastructure: Infrastructure, generation: int | None = None) -> dict[int, dict[str, Any]]:
    """The document of every partition, by its number; a count that it leaves out is 0.

    Args:
        infrastructure: whose Postgres is asked, once: what is found is as of one moment.
        generation: whose documents; none given, the one that serves.
    """
    wanted = f"SELECT key, value FROM {TABLE} WHERE key = 'control' OR key ~ '^g[0-9]+/partition/[0-9]+$'"  # noqa: S608 - our own table
    found = {key: json.loads(bytes(value)) for key, value in sql(infrastructure, wanted)}
    if generation is None:
        # Where `control` is lost nothing serves, and nothing is accounted for.
        generation = found["control"]["active"] if "control" in found else 0
    empty = dict.fromkeys(("applied", "duplicate", "parked", "missing"), 0)
    parts = [{**empty, **document} for key, document in found.items() if key.startswith(f"g{generation}/")]
    return {part["partition"]: part for part in parts}


def log_ends(infrastructure: Infrastructure) -> dict[int, int]:
    """By partition the offset that the next record gets; waits for a broker that has only just come back."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return _log_ends(infrastructure)
        except KafkaException:
            # Not all that such a broker says is marked as worth asking again: "leader epoch is newer" is not.
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _log_ends(infrastructure: Infrastructure) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    partitions = [
        TopicPartition(TOPIC, number) for number in admin.list_topics(TOPIC, SECONDS).topics[TOPIC].partitions
    ]
    asked = admin.list_offsets(
        dict.fromkeys(partitions, OffsetSpec.latest()), isolation_level=IsolationLevel.READ_UNCOMMITTED
    )
    return {one.partition: answer.result(SECONDS).offset for one, answer in asked.items()}


def wait_until_folded(infrastructure: Infrastructure, *, seconds: float = 60) -> None:
    """Return when every offset that the log has now is accounted for by the generation that serves.

    Raises:
        TimeoutError: it is not in time.
    """
    ends = log_ends(infrastructure)

    def folded() -> bool:
        parts = accounts(infrastructure)
        return parts.keys() == ends.keys() and all(part["checkpoint"] + 1 >= ends[n] for n, part in parts.items())

    eventually(folded, seconds=seconds)


def check_accounts(infrastructure: Infrastructure, generation: int | None = None) -> dict[str, int]:
    """Check that all offsets of the log are accounted for, each once; returns what became of how many.

    Args:
        infrastructure: that has come to rest.
        generation: whose accounts; none given, those of the one that serves.
    """
    parts, ends = accounts(infrastructure, generation), log_ends(infrastructure)
    sums: Counter[str] = Counter(applied=0, duplicate=0, parked=0, missing=0)
    for number, end in ends.items():
        part = parts[number]
        counts = {name: part[name] for name in sums}
        assert sum(counts.values()) == part["checkpoint"] - part["log_start"] + 1 == end - part["log_start"], part
        sums.update(counts)
    return dict(sums)


def configure_topic(infrastructure: Infrastructure, name: str, value: str) -> None:
    """Change a setting of the topic."""
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(SECONDS)


def delete_records(infrastructure: Infrastructure, partition: int, before: int) -> None:
    """Remove the records of a partition below an offset."""
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    where = TopicPartition(TOPIC, partition, before)
    admin.delete_records([where])[where].result(SECONDS)


def waiting_for(replica: Replica) -> dict[str, str]:
    """What the service says at /readyz that it waits for; empty when it is ready."""
    try:
        answer = httpx2.get(f"{replica.url}/readyz", timeout=SECONDS, trust_env=False)
    except httpx2.TransportError as failure:
        return {"app": str(failure)}
    readiness = answer.json()
    found: dict[str, str] = readiness["waiting_for"]
    assert answer.status_code == (503 if found else 200)
    assert readiness["ready"] is not bool(found)
    return found


def refusal_of(projector: Replica, part: str = "projector", *, seconds: float = 60) -> str:
    """Wait until the service is not ready because of a part of it; returns what it says.

    Raises:
        TimeoutError: it goes on being ready.
    """
    eventually(lambda: part in waiting_for(projector), seconds=seconds)
    return waiting_for(projector)[part]


def wait_until_ready(replica: Replica, *, seconds: float = 60) -> None:
    """Wait until a service that runs says it is ready.

    Raises:
        TimeoutError: it does not become so in time.
    """
    try:
        eventually(lambda: not waiting_for(replica), seconds=seconds)
    except TimeoutError as late:
        raise TimeoutError(f"not ready within {seconds:g} s: {waiting_for(replica)}") from late
