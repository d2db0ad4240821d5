"""Projectors caught in the middle of a transaction, and who of them has which partitions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from deploy.stack.infrastructure import Infrastructure
from tests.deadlines import eventually
from tests.real.surroundings import SECONDS, TABLE, accounts, sql

GROUP: Final = "learnflow-projector"
_SOON: Final = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


@contextmanager
def learners_locked(infrastructure: Infrastructure) -> Iterator[None]:
    """Hold the documents of all learners there are: while the context lasts, no transaction over them gets to its end.

    The documents of a partition are written before those of its learners. So whoever waits has written a part of its
    transaction already.
    """
    with psycopg.connect(infrastructure.postgres_dsn) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute(f"SELECT key FROM {TABLE} WHERE key LIKE 'g1/learner/%' FOR UPDATE".encode())  # noqa: S608 - our own table
        yield
        connection.rollback()


def wait_until_some_wait(infrastructure: Infrastructure, number: int) -> None:
    """Return when so many transactions wait for locks that others have.

    Raises:
        TimeoutError: fewer do.
    """
    waiting = "SELECT DISTINCT pid FROM pg_locks WHERE NOT granted"
    eventually(lambda: len(sql(infrastructure, waiting)) >= number, seconds=SECONDS)


def folded(infrastructure: Infrastructure) -> int:
    """How many offsets are accounted for, over all partitions."""
    return sum(part["checkpoint"] + 1 for part in accounts(infrastructure).values())


def shares(infrastructure: Infrastructure, *, group: str = GROUP) -> list[set[int]]:
    """The partitions of each member of a consumer group, as the broker sees it; nobody where it can't tell yet."""
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    try:
        described = admin.describe_consumer_groups([group], request_timeout=SECONDS)[group].result(SECONDS)
    except KafkaException as refusal:
        if refusal.args[0].code() in _SOON:
            return []
        raise
    return [{one.partition for one in member.assignment.topic_partitions} for member in described.members]


def wait_until_shared(infrastructure: Infrastructure, members: int, partitions: int, *, group: str = GROUP) -> None:
    """Return when the partitions are divided between so many members, each of which has some.

    Raises:
        TimeoutError: that does not come about.
    """

    def shared() -> bool:
        found = shares(infrastructure, group=group)
        whole = sorted(partition for share in found for partition in share) == list(range(partitions))
        return whole and len(found) == members and all(found)

    eventually(shared, seconds=60)
