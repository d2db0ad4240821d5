"""A thousand large lessons that nobody folded yet, at once."""

import re
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from deploy.stack.process import Process
from deploy.stack.service import COURSE_AGENT, PROJECTOR
from deploy.stack.stack import Stack
from tests.kafka import read_topic
from tests.real.surroundings import TOPIC, check_accounts, sql, wait_until_folded, waiting_for

pytestmark = pytest.mark.process

LESSONS: Final = 1000
LEARNERS: Final = 40
ONE_OF_MANY: Final = 300
"""Lessons of one learner, more than a learner's own document holds."""
CLIENTS: Final = 16
MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""What the sidecar takes in one message."""
MEMORY_KIB: Final = 1024 * 1024
# Long enough that the composed lesson has about 15 KB.
OBJECTIVES: Final = [f"Objective {number}: " + "explain it to somebody " * 4 for number in range(5)]

WITNESS: Final = """
CREATE TABLE learnflow_witness (tx bigint, key text, size bigint, checkpoint bigint);
CREATE OR REPLACE FUNCTION learnflow_witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO learnflow_witness VALUES (txid_current(), NEW.key, length(NEW.value),
    CASE WHEN NEW.key ~ '^g1/partition/[0-9]+$'
         THEN (convert_from(NEW.value, 'UTF8')::json->>'checkpoint')::bigint END);
  RETURN NEW;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON learnflow_state
  FOR EACH ROW EXECUTE FUNCTION learnflow_witness();
"""


def publish(stack: Stack) -> dict[str, dict[str, Any]]:
    """Ask for all lessons from concurrent clients; the lessons as they were answered, by id."""

    def ask(number: int) -> dict[str, Any]:
        learner = "learner-0" if number < ONE_OF_MANY else f"learner-{number % LEARNERS}"
        body = {
            "learner_id": learner,
            "topic": f"Topic {number}",
            "objectives": OBJECTIVES,
            "duration_minutes": 60,
        }
        answer = client.post("generate-lesson", json=body).raise_for_status()
        lesson: dict[str, Any] = answer.json()["lesson"]
        return lesson

    with (
        httpx2.Client(base_url=stack.course_agent, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        return {lesson["lesson_id"]: lesson for lesson in clients.map(ask, range(LESSONS))}


def listed(client: httpx2.Client, **parameters: str) -> list[str]:
    """The ids of all lessons that the pages of a list show."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("lessons", params={**parameters, "limit": "100", **cursor}).raise_for_status().json()
        found += [lesson["lesson_id"] for lesson in page["lessons"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def most_memory(process: Process) -> int | None:
    """The most KiB that a process ever held; `None` where the system does not tell."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
    return int(found[1]) if found else None


@pytest.mark.timeout(300)
def test_a_thousand_large_lessons_are_caught_up_in_pieces(stack: Stack) -> None:
    infrastructure, projector = stack.infrastructure, stack[PROJECTOR]
    projector.stop()
    sql(infrastructure, "DROP TABLE IF EXISTS learnflow_witness")
    sql(infrastructure, WITNESS)
    asked = publish(stack)
    values = [len(message.value() or b"") for message in read_topic(infrastructure.brokers, TOPIC)]
    assert len(asked) == len(values) == LESSONS
    assert 13_000 < sum(values) / LESSONS < 20_000

    began = time.monotonic()
    projector.start()
    before = [replica.daprd.process.pid for replica in stack.replicas]
    ready = time.monotonic()
    wait_until_folded(infrastructure, seconds=120)
    took = time.monotonic() - began
    assert check_accounts(infrastructure) == {"applied": LESSONS, "duplicate": 0, "parked": 0, "missing": 0}

    # In pieces: each a transaction that the sidecar can carry, its checkpoint behind the one before.
    pieces = sql(infrastructure, "SELECT tx, sum(size), max(checkpoint) FROM learnflow_witness GROUP BY tx")
    checkpoints: defaultdict[str, list[int]] = defaultdict(list)
    for key, checkpoint in sql(
        infrastructure, "SELECT key, checkpoint FROM learnflow_witness WHERE checkpoint IS NOT NULL ORDER BY tx"
    ):
        checkpoints[key].append(checkpoint)
    assert all(size < MESSAGE_BYTES and checkpoint is not None for _, size, checkpoint in pieces)
    assert all(seen == sorted(set(seen)) for seen in checkpoints.values())
    # More would be a piece for nearly every event.
    assert sum(values) / MESSAGE_BYTES < len(pieces) < LESSONS / 4
    written = projector.app.process.command.log.read_text(encoding="utf-8", errors="replace")
    retried = written.count("is retried")
    assert retried < len(pieces)
    assert "Traceback" not in written

    by_learner = Counter(lesson["learner_id"] for lesson in asked.values())
    with httpx2.Client(base_url=stack.course_agent, timeout=60, trust_env=False) as lessons:
        assert sorted(listed(lessons)) == sorted(asked)
        for learner in ("learner-0", "learner-1"):
            assert len(listed(lessons, learner_id=learner)) == by_learner[learner]
        last = list(asked)[-1]
        shown = lessons.get(f"lessons/{last}").raise_for_status().json()["elements"]
        assert [{**element, "author": None} for element in asked[last]["elements"]] == shown
    with httpx2.Client(base_url=stack.user_progress, timeout=60, trust_env=False) as progress:
        for learner, count in by_learner.items():
            status = progress.get("status", params={"learner_id": learner}).raise_for_status().json()
            assert (status["lessons_requested"], status["events"]) == (count, count)
        platform = progress.get("status").raise_for_status().json()
        assert (platform["learners"], platform["lessons_requested"]) == (len(by_learner), LESSONS)

    assert [replica.daprd.process.pid for replica in stack.replicas] == before
    assert [waiting_for(replica) for replica in stack.replicas] == [{}, {}, {}]
    most, idle = most_memory(projector.app.process), most_memory(stack[COURSE_AGENT].app.process)
    assert most is None or most < MEMORY_KIB
    report = (
        f"{LESSONS} lessons of {sum(values) / LESSONS:,.0f} bytes: ready after {ready - began:.1f} s, all folded after"
        f" {took:.1f} s, in {len(pieces)} pieces of at most {max(size for _, size, _ in pieces):,} bytes;"
        f" {retried} told to come again; the projector held at most {most} KiB, the course-agent {idle} KiB"
    )
    print(report)  # noqa: T201 - for whoever runs it with -s
