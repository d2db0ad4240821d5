"""`learnflow log create` and `learnflow log check`, as an operator runs them."""

import subprocess
import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port
from tests.real.surroundings import TOPIC, configure_topic, delete_topic
from tests.servers import learnflow

pytestmark = pytest.mark.process


@pytest.fixture
def brokers(infrastructure: Infrastructure) -> Iterator[str]:
    """A broker without the log's topic."""
    delete_topic(infrastructure)
    yield infrastructure.brokers
    delete_topic(infrastructure)


def log(command: str, *options: str, brokers: str) -> subprocess.CompletedProcess[str]:
    return learnflow("log", command, "--brokers", brokers, *options, timeout=60)


def one_line(text: str) -> str:
    (line,) = text.strip().splitlines()
    return line


def test_a_topic_is_made_once_with_settings_under_which_nothing_is_lost(brokers: str) -> None:
    made = log("create", "--partitions", "3", brokers=brokers)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith(f"made topic {TOPIC}, id ")
    again = log("create", "--partitions", "3", brokers=brokers)
    assert again.returncode == 0, again.stderr
    assert again.stdout == made.stdout.replace("made topic", "there already: topic")
    checked = log("check", brokers=brokers)
    assert (checked.returncode, checked.stdout) == (0, made.stdout.replace("made topic", "sound: topic"))
    admin = AdminClient({"bootstrap.servers": brokers})
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)
    found = {name: entry.value for name, entry in admin.describe_configs([resource])[resource].result(30).items()}
    assert (found["retention.ms"], found["retention.bytes"]) == ("-1", "-1")
    assert (found["cleanup.policy"], found["message.timestamp.type"]) == ("delete", "LogAppendTime")
    assert len(admin.list_topics(TOPIC, 30).topics[TOPIC].partitions) == 3


def test_brokers_and_partitions_may_come_from_the_environment(brokers: str) -> None:
    variables = {"LEARNFLOW_KAFKA_BROKERS": brokers, "LEARNFLOW_PARTITIONS": "5"}
    made = learnflow("log", "create", env=variables)
    assert made.returncode == 0, made.stderr
    assert made.stdout.rstrip().endswith(", 5 partitions")
    # Without a number of its own the command takes what is there.
    assert log("create", brokers=brokers).stdout.rstrip().endswith(", 5 partitions")


def test_another_number_of_partitions_is_refused(brokers: str) -> None:
    assert log("create", "--partitions", "3", brokers=brokers).returncode == 0
    other = log("create", "--partitions", "4", brokers=brokers)
    assert other.returncode == 1
    assert f"topic {TOPIC} has 3 partitions, not 4: their number can't be changed" in one_line(other.stderr)


def test_a_topic_that_is_missing_is_told_with_what_makes_it(brokers: str) -> None:
    missing = log("check", brokers=brokers)
    assert missing.returncode == 1
    assert f"there is no topic {TOPIC}; `learnflow log create` makes it" in one_line(missing.stderr)


def test_settings_that_would_lose_events_are_named(infrastructure: Infrastructure, brokers: str) -> None:
    wrong = {
        "retention.ms": ("604800000", "-1"),
        "retention.bytes": ("1000000", "-1"),
        "cleanup.policy": ("compact", "delete"),
        "message.timestamp.type": ("CreateTime", "LogAppendTime"),
    }
    assert log("create", "--partitions", "1", brokers=brokers).returncode == 0
    for name, (value, _) in wrong.items():
        configure_topic(infrastructure, name, value)
    for command in ("check", "create"):
        found = log(command, brokers=brokers)
        assert found.returncode == 1
        for name, (value, right) in wrong.items():
            assert f"topic {TOPIC} has {name}={value}, and must have {right}" in one_line(found.stderr)
        assert "kafka-configs" in found.stderr
    for name, (_, right) in wrong.items():
        configure_topic(infrastructure, name, right)
    assert log("check", brokers=brokers).returncode == 0


@pytest.mark.parametrize("command", ["check", pytest.param("create", marks=pytest.mark.long)])
def test_a_broker_that_is_away_is_told_in_one_line_and_soon(command: str) -> None:
    began = time.monotonic()
    away = log(command, brokers=f"127.0.0.1:{free_port()}")
    assert away.returncode == 1
    assert "unavailable" in one_line(away.stderr)
    assert time.monotonic() - began < 30


@pytest.mark.long
def test_a_broker_that_says_nothing_is_told_in_one_line_and_soon(infrastructure: Infrastructure, brokers: str) -> None:
    infrastructure.kafka.pause()
    try:
        began = time.monotonic()
        silent = log("check", brokers=brokers)
        assert time.monotonic() - began < 30
    finally:
        infrastructure.kafka.resume()
    assert silent.returncode == 1
    assert "unavailable" in one_line(silent.stderr)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("security.protocol", "--property security.protocol: expected NAME=VALUE"),
        ("=plaintext", "--property =plaintext: expected NAME=VALUE"),
        ("no.such.property=1", "no.such.property"),
        ("security.protocol=carrier-pigeon", "carrier-pigeon"),
    ],
)
def test_a_property_that_makes_no_sense_is_told_in_one_line(
    infrastructure: Infrastructure, option: str, message: str
) -> None:
    refused = log("check", "--property", option, brokers=infrastructure.brokers)
    assert refused.returncode == 1
    assert message in one_line(refused.stderr)


@pytest.mark.parametrize("command", ["check", "create"])
@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LEARNFLOW_PARTITIONS": "abc"}, "learnflow: settings: partitions: "),
        ({"LEARNFLOW_SIDECAR": "dapr", "DAPR_GRPC_PORT": "many"}, "learnflow: settings: grpc_port: "),
    ],
)
def test_settings_that_are_not_valid_are_told_in_one_line(
    command: str, variables: dict[str, str], message: str
) -> None:
    refused = learnflow("log", command, env=variables, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert one_line(refused.stderr).startswith(message)


def test_properties_reach_the_client(brokers: str) -> None:
    made = log("create", "--property", "security.protocol=plaintext", "-X", "client.id=operator", brokers=brokers)
    assert made.returncode == 0, made.stderr


def test_a_topic_with_fewer_copies_than_wanted_is_not_sound(brokers: str) -> None:
    assert log("create", "--partitions", "2", brokers=brokers).returncode == 0
    assert log("check", brokers=brokers).returncode == 0
    wanted = ("--replication-factor", "3", "--min-insync-replicas", "2")
    for command in ("check", "create"):
        refused = log(command, *wanted, brokers=brokers)
        assert refused.returncode == 1
        said = one_line(refused.stderr)
        assert f"topic {TOPIC} keeps 1 copies of a record, and is to keep 3" in said
        assert f"topic {TOPIC} has min.insync.replicas=1, and is to have 2" in said


def test_more_copies_than_brokers_is_refused_in_one_line(brokers: str) -> None:
    refused = log("create", "--replication-factor", "3", brokers=brokers)
    assert refused.returncode == 1
    assert "replication factor" in one_line(refused.stderr).lower()
    impossible = log("create", "--min-insync-replicas", "2", brokers=brokers)
    assert impossible.returncode == 1
    assert "nothing could be appended" in one_line(impossible.stderr)
