"""`learnflow lag` and /metrics on the real stack: a dead projector, a log and documents that are away."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.stack.daprd import DaprdOptions
from deploy.stack.environment import variables
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import CHECKOUT, PROJECTOR
from deploy.stack.stack import Stack
from projector.lag_judging import PATIENCE_SECONDS
from tests.deadlines import eventually
from tests.real.surroundings import log_ends, wait_until_folded, wait_until_ready, wipe

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SECONDS: Final = 60
READY_AGAIN_SECONDS: Final = 120
"""A sidecar whose broker has hung finds its way back by timeouts."""
EVENTS: Final = 12


@pytest.fixture
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """One replica of each service over an empty log, and a sidecar for operators."""
    for server in (infrastructure.kafka, infrastructure.postgres, infrastructure.placement):
        if not server.running:
            server.start()
    wipe(infrastructure)
    with Stack(infrastructure, sidecars=DaprdOptions(app_id="", drain_seconds=0), with_operator=True) as stack:
        yield stack


def lag(stack: Stack, *options: str) -> tuple[int, dict[str, Any]]:
    """What the command says as JSON, and its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "learnflow", "lag", "--json", *options],
        cwd=CHECKOUT,
        env=variables(stack.operator_variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def scraped(stack: Stack) -> dict[str, dict[tuple[str, ...], float]]:
    """What the projector tells Prometheus: by name, by the values of the labels."""
    answer = httpx2.get(f"{stack[PROJECTOR].url}/metrics", timeout=SECONDS, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def post(stack: Stack, events: int = EVENTS) -> None:
    """Report progress of as many learners."""
    for number in range(events):
        command = {"learner_id": f"learner-{number}", "lesson_id": "l", "completion": 0.5}
        answer = httpx2.post(f"{stack.user_progress}/update-progress", json=command, timeout=SECONDS, trust_env=False)
        assert answer.status_code == 202, answer.text


def states(document: dict[str, Any]) -> set[str]:
    return {part["state"] for part in document["partitions"]}


def kinds(document: dict[str, Any]) -> list[str]:
    return [trouble["kind"] for trouble in document["troubles"]]


def test_a_projector_that_is_dead_can_not_look_healthy(stack: Stack) -> None:
    post(stack)
    wait_until_folded(stack.infrastructure)
    status, document = lag(stack, "--interval=60")
    assert (status, states(document), document["lag_events"], document["lag_seconds"]) == (0, {"current"}, 0, 0)
    ends = log_ends(stack.infrastructure)
    assert {part["partition"]: part["log_end_offset"] for part in document["partitions"]} == ends

    stack[PROJECTOR].kill()
    post(stack)
    grown = log_ends(stack.infrastructure)
    status, document = lag(stack, "--interval=0.2")
    assert (status, states(document) - {"current"}) == (0, {"lagging"})
    behind = {part["partition"]: part["lag_events"] for part in document["partitions"]}
    assert behind == {number: end - ends[number] for number, end in grown.items()}

    def stuck() -> bool:
        status, document = lag(stack, "--interval=0.2")
        if "stuck" not in states(document):
            return False
        assert status == 1
        assert document["lag_seconds"] >= PATIENCE_SECONDS
        assert document["lag_events"] == EVENTS
        return True

    eventually(stuck)
    _, earlier = lag(stack, "--interval=0.2")
    _, later = lag(stack, "--interval=1")
    assert later["lag_seconds"] >= earlier["lag_seconds"] + 1

    stack.start_service(PROJECTOR)
    wait_until_folded(stack.infrastructure)
    status, document = lag(stack)
    assert (status, states(document), document["lag_events"]) == (0, {"current"}, 0)


def test_kafka_hanging_is_a_log_that_can_not_be_read(stack: Stack) -> None:
    post(stack)
    wait_until_folded(stack.infrastructure)
    stack.infrastructure.kafka.pause()
    try:
        status, document = lag(stack)
        metrics = scraped(stack)
    finally:
        stack.infrastructure.kafka.resume()
    assert (status, kinds(document), states(document)) == (2, ["log unreadable"], {"unknown"})
    # The documents are told all the same.
    assert sum(part["offsets"]["applied"] for part in document["partitions"]) == EVENTS
    assert (metrics["learnflow_log_readable"], metrics["learnflow_documents_readable"]) == ({(): 0}, {(): 1})
    assert "learnflow_lag_events" not in metrics
    assert len(metrics["learnflow_checkpoint_offset"]) == len(document["partitions"])
    _is_current_again(stack)


def test_postgres_stopped_are_documents_that_can_not_be_read(stack: Stack) -> None:
    post(stack)
    wait_until_folded(stack.infrastructure)
    ends = log_ends(stack.infrastructure)
    stack.infrastructure.postgres.stop()
    try:
        status, document = lag(stack)
        metrics = scraped(stack)
    finally:
        stack.infrastructure.postgres.start()
    assert (status, kinds(document), states(document)) == (2, ["documents unreadable"], {"unknown"})
    assert {part["partition"]: part["log_end_offset"] for part in document["partitions"]} == ends
    assert (metrics["learnflow_log_readable"], metrics["learnflow_documents_readable"]) == ({(): 1}, {(): 0})
    assert not {"learnflow_lag_events", "learnflow_checkpoint_offset"} & metrics.keys()
    assert len(metrics["learnflow_log_end_offset"]) == len(ends)
    _is_current_again(stack)


def _is_current_again(stack: Stack) -> None:
    wait_until_ready(stack[PROJECTOR], seconds=READY_AGAIN_SECONDS)
    eventually(lambda: lag(stack)[0] == 0)
    status, document = lag(stack)
    assert (status, kinds(document), states(document)) == (0, [], {"current"})
    metrics = scraped(stack)
    assert set(metrics["learnflow_lag_events"].values()) == {0}
    assert metrics["learnflow_log_readable"] == metrics["learnflow_documents_readable"] == {(): 1}
