"""What stands in the topic and in the state table, and who may do what, as foreign programs see it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import jsonschema
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import COURSE_AGENT, PROJECTOR, SERVICES, USER_PROGRESS
from deploy.stack.stack import PARTITIONS, Stack
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.errors import AppendRefused
from sidecar.records import NewRecord
from tests.kafka import partition_of, read_topic
from tests.real.surroundings import (
    TOPIC,
    accounts,
    check_accounts,
    configure_topic,
    documents,
    log_ends,
    refusal_of,
    wait_until_folded,
    wait_until_ready,
    waiting_for,
    wipe,
)

pytestmark = pytest.mark.process

CONTRACTS: Final = Path(__file__).parents[2] / "docs" / "contracts"
LEARNERS: Final = [f"learner-{number}" for number in range(12)]


@dataclass(frozen=True)
class Accepted:
    """A command that was answered 202.

    Attributes:
        kind: the event that records it.
        traceparent: that was sent along.
    """

    kind: str
    learner: str
    traceparent: str
    answer: dict[str, Any]


@pytest.fixture(scope="module")
def running(infrastructure: Infrastructure) -> Iterator[Stack]:
    """One stack for all tests here; each leaves it as it found it, but for more events."""
    wipe(infrastructure)
    with Stack(infrastructure, sidecars=DaprdOptions(app_id="", drain_seconds=0)) as stack:
        yield stack


@pytest.fixture(scope="module")
def accepted(running: Stack) -> list[Accepted]:
    """Commands of both kinds from several learners, all of them folded."""
    found: list[Accepted] = []
    with httpx2.Client(timeout=60, trust_env=False) as client:
        for number in range(3 * len(LEARNERS)):
            learner = LEARNERS[number % len(LEARNERS)]
            traceparent = f"00-{number + 1:032x}-{number + 1:016x}-01"
            if number % 3:
                kind, url = "ProgressUpdated", f"{running.user_progress}/update-progress"
                body = {"learner_id": learner, "lesson_id": f"lesson-{number}", "completion": 0.25, "score": 0.5}
            else:
                kind, url = "LessonRequested", f"{running.course_agent}/generate-lesson"
                body = {"learner_id": learner, "topic": f"Thema № {number}", "duration_minutes": 20}
            answer = client.post(url, json=body, headers={"traceparent": traceparent}).raise_for_status()
            found.append(Accepted(kind, learner, traceparent, answer.json()))
    wait_until_folded(running.infrastructure)
    return found


@pytest.fixture
def records(running: Stack, accepted: list[Accepted]) -> dict[str, Message]:
    """The records of the accepted commands, as a consumer of the tests' own reads them, by event id."""
    ids = {one.answer["event_id"] for one in accepted}
    messages = read_topic(running.infrastructure.brokers, TOPIC)
    by_id = {json.loads(message.value() or b"")["id"]: message for message in messages}
    return {event_id: message for event_id, message in by_id.items() if event_id in ids}


def test_every_accepted_command_is_one_record_keyed_by_its_learner(
    accepted: list[Accepted], records: dict[str, Message]
) -> None:
    assert len(records) == len(accepted)
    for command in accepted:
        message = records[command.answer["event_id"]]
        event = json.loads(message.value() or b"")
        assert message.key() == command.learner.encode()
        assert event["subject"] == event["partitionkey"] == event["data"]["learner_id"] == command.learner
        assert event["type"] == f"io.learnflow.{command.kind}.v1"
        assert event["traceparent"] == event["traceid"] == command.traceparent
        assert message.headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
        assert message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME


def test_records_are_where_the_sidecars_partitioner_puts_their_key(records: dict[str, Message]) -> None:
    partitions: defaultdict[bytes, set[int | None]] = defaultdict(set)
    for message in records.values():
        partitions[message.key() or b""].add(message.partition())
    assert partitions == {learner.encode(): {partition_of(learner, PARTITIONS)} for learner in LEARNERS}
    assert len(set.union(*partitions.values())) > 1


def test_every_value_is_a_cloudevent_valid_against_the_published_contracts(records: dict[str, Message]) -> None:
    described = json.loads((CONTRACTS / "asyncapi.json").read_text(encoding="utf-8"))
    payloads = {
        message["name"]: jsonschema.Draft202012Validator(
            message["payload"], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        for message in described["components"]["messages"].values()
    }
    seen: set[str] = set()
    for message in records.values():
        event = json.loads(message.value() or b"")
        payloads[event["type"]].validate(event)
        name, version = re.fullmatch(r"io\.learnflow\.(\w+)\.(v\d+)", event["type"]).groups()  # type: ignore[union-attr]
        schema = json.loads((CONTRACTS / "events" / f"{name}.{version}.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(event["data"])
        seen.add(name)
    assert seen == {"LessonRequested", "ProgressUpdated"}


def test_the_state_table_holds_the_documents_under_their_plain_keys(running: Stack, accepted: list[Accepted]) -> None:
    stored = documents(running.infrastructure)
    assert {"control", *(f"g1/partition/{number}" for number in range(PARTITIONS))} <= stored.keys()
    # No key has a prefix: services of other app-ids find them.
    assert all(re.match(r"(control$|g1/)", key) for key in stored)
    assert stored["control"]["active"] == 1
    assert stored["control"]["log"]["partitions"] == PARTITIONS
    for learner in LEARNERS:
        kinds = [one.kind for one in accepted if one.learner == learner]
        totals = stored[f"g1/learner/{learner}"]["totals"]
        assert totals["events"] == len(kinds)
        assert totals.get("lessons_requested", 0) == kinds.count("LessonRequested")
        assert totals.get("score_sum_ppm", 0) == 500_000 * kinds.count("ProgressUpdated")
    for command in accepted:
        if command.kind == "LessonRequested":
            lesson = command.answer["lesson"]
            document = stored[f"g1/lesson/{lesson['lesson_id']}"]
            names = ("learner_id", "topic", "title", "elements")
            # What is at its default is left out of documents.
            told = [
                {name: value for name, value in element.items() if value is not None} for element in lesson["elements"]
            ]
            assert {name: document[name] for name in names} == {name: lesson[name] for name in names} | {
                "elements": told
            }
    assert sum(part["totals"].get("learners", 0) for part in accounts(running.infrastructure).values()) == len(LEARNERS)
    assert check_accounts(running.infrastructure)["applied"] >= len(accepted)


@pytest.mark.parametrize("service", SERVICES)
def test_each_sidecar_is_connected_and_has_what_it_needs(running: Stack, service: str) -> None:
    metadata = running[service].daprd.metadata()
    assert metadata["id"] == service
    assert metadata["actorRuntime"]["placement"] == "placement: connected"
    agents = {} if service == PROJECTOR else {"agents": "state.postgresql"}
    assert {one["name"]: one["type"] for one in metadata["components"]} == agents | {
        "events": "pubsub.kafka",
        "documents": "state.postgresql",
        "secrets": "secretstores.local.file",
    }
    subscriptions = [(one["pubsubname"], one["topic"]) for one in metadata.get("subscriptions", [])]
    assert subscriptions == ([("events", TOPIC)] if service == PROJECTOR else [])


def test_the_projectors_sidecar_refuses_to_append(running: Stack) -> None:
    before = log_ends(running.infrastructure)
    answer = httpx2.post(f"{running[PROJECTOR].daprd.url}/v1.0/publish/events/{TOPIC}", json={}, trust_env=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "ERR_PUBSUB_FORBIDDEN")
    assert log_ends(running.infrastructure) == before


async def test_what_a_sidecar_refuses_is_known_not_to_be_in_the_log(running: Stack) -> None:
    sidecar = running[PROJECTOR].daprd
    dapr = DaprSidecar(DaprConfig(grpc_endpoint=f"127.0.0.1:{sidecar.grpc_port}", http_endpoint=sidecar.url))
    try:
        with pytest.raises(AppendRefused, match="PERMISSION_DENIED"):
            await dapr.appender.append([NewRecord("ada", b"{}")], timeout_seconds=10)
    finally:
        await dapr.close()


@pytest.mark.parametrize("service", [COURSE_AGENT, USER_PROGRESS])
def test_who_appends_may_use_no_other_topic(running: Stack, service: str) -> None:
    answer = httpx2.post(f"{running[service].daprd.url}/v1.0/publish/events/other", json={}, trust_env=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "ERR_PUBSUB_FORBIDDEN")


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_may_read_the_databases_secret(running: Stack, service: str) -> None:
    url = f"{running[service].daprd.url}/v1.0/secrets/secrets"
    refused = httpx2.get(f"{url}/postgres", trust_env=False)
    assert refused.status_code == 403
    assert "password" not in refused.text
    assert httpx2.get(f"{url}/kafka", trust_env=False).json() == {"security.protocol": "plaintext"}


def test_a_service_whose_sidecar_is_away_says_so_and_is_ready_when_it_is_back(running: Stack) -> None:
    replicas = [running[service] for service in SERVICES]
    for replica in replicas:
        replica.daprd.kill()
    for replica in replicas:
        assert "nothing answers where DAPR_GRPC_PORT" in refusal_of(replica, "sidecar")
    for replica in replicas:
        replica.daprd.start()
    for replica in replicas:
        wait_until_ready(replica)


def test_a_projector_folds_nothing_over_a_topic_that_would_lose_events_until_it_is_put_right(running: Stack) -> None:
    projector, infrastructure = running[PROJECTOR], running.infrastructure
    projector.stop()
    configure_topic(infrastructure, "retention.ms", "604800000")
    try:
        before = accounts(infrastructure)
        progress = {"learner_id": LEARNERS[0], "lesson_id": "unsound", "completion": 1}
        httpx2.post(f"{running.user_progress}/update-progress", json=progress, trust_env=False).raise_for_status()
        projector.launch()
        projector.daprd.wait_with_app()
        refusal = refusal_of(projector)
        assert f"topic {TOPIC} has retention.ms=604800000, and must have -1" in refusal
        assert "learnflow log check" in refusal
        assert set(waiting_for(projector)) == {"projector"}
        assert accounts(infrastructure) == before
    finally:
        configure_topic(infrastructure, "retention.ms", "-1")
    wait_until_ready(projector)
    wait_until_folded(infrastructure)
    assert "unsound" in documents(infrastructure)[f"g1/learner/{LEARNERS[0]}"]["lessons"]
