"""Placement, Kafka and Postgres: they come back where they were, with what they had."""

import stat
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from deploy.stack.errors import DataUnusable
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.server import Server
from tests.stack.commands import runs
from tests.stack.looking import append, new_topic, sql, values

pytestmark = pytest.mark.process

End = Callable[[Server], None]


def stop(server: Server) -> None:
    server.stop()


def kill(server: Server) -> None:
    server.kill()


@pytest.fixture(autouse=True)
def _whole(infrastructure: Infrastructure) -> Iterator[None]:
    """Others want it whole, whatever a test here has done to it."""
    yield
    for server in (infrastructure.placement, infrastructure.kafka, infrastructure.postgres):
        server.resume()
        server.start()


@pytest.mark.parametrize("end", [stop, kill])
class TestRestart:
    def test_kafka_keeps_port_and_log(self, infrastructure: Infrastructure, end: End) -> None:
        brokers = infrastructure.brokers
        topic = new_topic(brokers)
        append(brokers, topic, b"before")
        end(infrastructure.kafka)
        assert not infrastructure.kafka.running
        infrastructure.kafka.start()
        assert infrastructure.brokers == brokers
        append(brokers, topic, b"after")
        assert values(brokers, topic, 2) == [b"before", b"after"]

    def test_postgres_keeps_port_password_and_tables(self, infrastructure: Infrastructure, end: End) -> None:
        dsn = infrastructure.postgres_dsn
        table = f"test_{uuid.uuid4().hex[:12]}"
        sql(infrastructure, f"CREATE TABLE {table} AS SELECT 42 AS answer")
        end(infrastructure.postgres)
        assert not infrastructure.postgres.running
        infrastructure.postgres.start()
        assert infrastructure.postgres_dsn == dsn
        assert sql(infrastructure, f"TABLE {table}") == "42"

    def test_placement_keeps_its_ports(self, infrastructure: Infrastructure, end: End) -> None:
        address = infrastructure.placement.address
        end(infrastructure.placement)
        assert infrastructure.placement.state() is None
        infrastructure.placement.start()
        assert infrastructure.placement.address == address
        assert infrastructure.placement.state() is not None


class TestPause:
    def test_a_paused_server_hangs_and_goes_on(self, infrastructure: Infrastructure) -> None:
        for server in (infrastructure.kafka, infrastructure.placement):
            server.pause()
            began = time.monotonic()
            missing = server.trouble()
            assert missing is not None
            assert time.monotonic() - began > 1, missing
            server.resume()
            server.process.wait_ready(server.trouble, 30)

    def test_all_of_postgres_hangs(self, infrastructure: Infrastructure) -> None:
        infrastructure.postgres.pause()
        with pytest.raises(AssertionError, match="timeout expired"):
            sql(infrastructure, "SELECT 1")
        infrastructure.postgres.resume()
        assert sql(infrastructure, "SELECT 1") == "1"


class TestKafka:
    def test_makes_no_topic_by_itself(self, infrastructure: Infrastructure) -> None:
        admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "allow.auto.create.topics": True})
        answer = admin.list_topics("nobody-made-this", timeout=10).topics["nobody-made-this"]
        assert answer.error is not None
        assert answer.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


class TestPostgres:
    def test_our_role_is_no_superuser(self, infrastructure: Infrastructure) -> None:
        assert sql(infrastructure, "SELECT usesuper FROM pg_user WHERE usename = current_user") == "f"

    def test_loses_nothing_to_be_fast(self, infrastructure: Infrastructure) -> None:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        assert [sql(infrastructure, f"SHOW {name}") for name in names] == ["on", "on", "on"]


class TestFolder:
    def test_secrets_are_for_the_owner_alone(self, infrastructure: Infrastructure) -> None:
        files = (infrastructure.secrets_file, infrastructure.data / "postgres" / "password")
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]

    def test_belongs_to_one_stack(self, infrastructure: Infrastructure) -> None:
        with pytest.raises(DataUnusable, match="another stack runs on"), Infrastructure(data=infrastructure.data):
            pass
        assert infrastructure.kafka.trouble() is None

    def test_one_process_each(self, infrastructure: Infrastructure) -> None:
        pids = {
            server.process.pid for server in (infrastructure.placement, infrastructure.kafka, infrastructure.postgres)
        }
        assert len(pids) == 3
        assert all(pid is not None and runs(pid) for pid in pids)
