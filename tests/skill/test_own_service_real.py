"""A brand-new service on the real stack: placed by Dapr, fed by Kafka, remembering in Postgres, in nobody's way."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack.daprd import RESOURCES, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import COURSE_AGENT, PROJECTOR, Replica
from deploy.stack.stack import Stack
from tests.deadlines import eventually
from tests.kafka import ForeignProducer, read_topic
from tests.real.surroundings import TOPIC, check_accounts, sql, wait_until_folded, wipe

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

QUIZ: Final = "quiz-agent"
SECONDS: Final = 60
REFUSED: Final = 403
NO_TOKEN: Final = 401


@pytest.fixture
def stack(infrastructure: Infrastructure, own: Path) -> Iterator[Stack]:
    """Projector and course-agent over an empty log; sidecars find the components of the new service, too."""
    for server in (infrastructure.kafka, infrastructure.postgres, infrastructure.placement):
        if not server.running:
            server.start()
    wipe(infrastructure)
    forget(infrastructure)
    sidecars = DaprdOptions(app_id="", drain_seconds=0, resources=(*RESOURCES, own / "dapr/components"))
    with Stack(infrastructure, services=(PROJECTOR, COURSE_AGENT), sidecars=sidecars) as stack:
        yield stack
    forget(infrastructure)
    if not infrastructure.placement.running:
        infrastructure.placement.start()


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=SECONDS, trust_env=False) as client:
        yield client


def forget(infrastructure: Infrastructure) -> None:
    """What the new service keeps is for a log that is gone."""
    sql(infrastructure, "DROP TABLE IF EXISTS quiz_agent_state, quiz_agent_metadata")


def hosts(stack: Stack) -> set[tuple[str, tuple[str, ...]]]:
    """What placement knows: app-ids, with the kinds of actors that they host."""
    state = stack.infrastructure.placement.state()
    found = [] if state is None else state["tables"].get("default", {}).get("hosts", [])
    return {(host["id"], tuple(host["entities"])) for host in found}


def soon(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds; a sidecar that was killed is missed for 15 s."""
    eventually(condition, seconds=SECONDS)


def generate(client: httpx2.Client, stack: Stack) -> None:
    """Have a lesson requested, through Dapr's pub/sub into Kafka."""
    body = {"learner_id": "ada", "topic": "for loops"}
    answer = client.post(f"{stack.course_agent}/generate-lesson", json=body)
    assert answer.status_code == 202, answer.text


def heard(client: httpx2.Client, quiz: Replica) -> dict[str, int]:
    """How many events the service has heard of ada, by name."""
    answer = client.get(f"{quiz.url}/learners/ada")
    found: dict[str, int] = answer.json()["events"] if answer.is_success else {}
    return found


def summarise(client: httpx2.Client, quiz: Replica, summary_id: str) -> Any:
    answer = client.post(f"{quiz.url}/summaries", json={"learner_id": "ada", "summary_id": summary_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


def members(infrastructure: Infrastructure, group: str) -> int:
    """How many consumers a group has."""
    admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
    return len(admin.describe_consumer_groups([group])[group].result(SECONDS).members)


async def test_a_new_service_is_placed_and_fed_and_remembers(stack: Stack, own: Path, client: httpx2.Client) -> None:
    infrastructure = stack.infrastructure
    generate(client, stack)  # before there is such a service: it begins at the log's beginning
    quiz = stack.replica(QUIZ, program=[sys.executable, own / "main.py"])
    quiz.start()

    soon(lambda: hosts(stack) == {(COURSE_AGENT, ("CourseAgent",)), (QUIZ, ("QuizAgent",))})
    soon(lambda: heard(client, quiz) == {"LessonRequested": 1})
    assert summarise(client, quiz, "s1") == {"summary_id": "s1", "text": "ada: 1 LessonRequested"}
    assert members(infrastructure, QUIZ) == members(infrastructure, "learnflow-projector") == 1

    # An event that is appended a second time does not count, and a value that is none holds up nobody.
    recorded = read_topic(infrastructure.brokers, TOPIC)[0]
    producer = ForeignProducer(infrastructure.brokers, TOPIC)
    for value in (recorded.value(), b"not an event"):
        await producer.append(recorded.partition() or 0, "ada", value)
    generate(client, stack)
    soon(lambda: heard(client, quiz) == {"LessonRequested": 2})

    quiz.kill()
    generate(client, stack)
    quiz.start()
    soon(lambda: heard(client, quiz) == {"LessonRequested": 3})
    assert summarise(client, quiz, "s1")["text"] == "ada: 1 LessonRequested"
    assert summarise(client, quiz, "s2")["text"] == "ada: 3 LessonRequested"

    kept = dict(sql(infrastructure, "SELECT key, value FROM quiz_agent_state"))
    assert kept.keys() == {f"{QUIZ}/learner/ada", f"{QUIZ}||QuizAgent||ada||memory"}
    assert json.loads(bytes(kept[f"{QUIZ}/learner/ada"]))["counts"] == {"LessonRequested": 3}

    # History is counted anew by what the service's README says, and agents remember what they did.
    quiz.kill()
    forgetting = "DELETE FROM quiz_agent_state WHERE key LIKE 'quiz-agent/learner/%'"
    assert forgetting in (own / "README.md").read_text(encoding="utf-8")
    sql(infrastructure, forgetting)
    component = own / "dapr/components/events.yaml"
    text, group = component.read_text(encoding="utf-8"), f"name: consumerGroup\n      value: {QUIZ}"
    assert text.count(f"{group}\n") == 1
    component.write_text(text.replace(f"{group}\n", f"{group}-2\n"), encoding="utf-8")
    quiz.start()
    soon(lambda: heard(client, quiz) == {"LessonRequested": 3})
    assert summarise(client, quiz, "s1")["text"] == "ada: 1 LessonRequested"

    # The projector has had every offset as well.
    wait_until_folded(infrastructure)
    assert check_accounts(infrastructure) == {"applied": 3, "duplicate": 1, "parked": 1, "missing": 0}


def test_a_new_service_may_not_publish_and_is_called_by_its_sidecar_alone(
    stack: Stack, own: Path, client: httpx2.Client
) -> None:
    quiz = stack.replica(QUIZ, program=[sys.executable, own / "main.py"])
    quiz.start()
    published = client.post(f"{quiz.daprd.url}/v1.0/publish/{QUIZ}-events/{TOPIC}", json={"id": "forged"})
    assert published.status_code == REFUSED
    loaded = {component["name"] for component in quiz.daprd.metadata()["components"]}
    assert loaded == {f"{QUIZ}-events", f"{QUIZ}-state", "secrets"}
    for url in (quiz.url, f"{stack[COURSE_AGENT].daprd.url}/v1.0/invoke/{QUIZ}/method"):
        assert client.put(f"{url}/actors/QuizAgent/ada/method/summarise", content=b"{}").status_code == NO_TOKEN
        assert client.post(f"{url}/dapr/events", json={"entries": []}).status_code == NO_TOKEN
    stack.infrastructure.placement.stop()
    refused = client.post(f"{quiz.url}/summaries", json={"learner_id": "ada", "summary_id": "s1"})
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get(f"{quiz.url}/learners/ada").status_code == 404
