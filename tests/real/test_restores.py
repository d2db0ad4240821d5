"""Topic made anew, database or log put back, records removed: refused in words, and a way out that works."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from deploy.stack.service import COURSE_AGENT, PROJECTOR, USER_PROGRESS
from deploy.stack.stack import PARTITIONS, Stack
from tests.deadlines import eventually
from tests.kafka import key_in, partition_of
from tests.real.reporting import Reporter, reporting
from tests.real.surroundings import (
    TABLE,
    TOPIC,
    check_accounts,
    copy_documents,
    delete_records,
    delete_topic,
    documents,
    log_ends,
    refusal_of,
    restore_documents,
    sql,
    throw_documents_away,
    wait_until_folded,
    wait_until_ready,
    waiting_for,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

LEARNERS = [key_in(number, PARTITIONS) for number in range(PARTITIONS)]


@pytest.fixture
def reporter(stack: Stack) -> Iterator[Reporter]:
    """A reporter who has reported twice for a learner in every partition; all of it is folded."""
    with reporting(stack) as reporter:
        for learner in LEARNERS * 2:
            reporter.report(learner)
        wait_until_folded(stack.infrastructure)
        reporter.check()
        yield reporter


def restart(stack: Stack) -> None:
    """Start all services that were stopped, and wait for no more than that they answer."""
    for replica in stack.replicas:
        replica.launch()
    for replica in stack.replicas:
        eventually(lambda replica=replica: "app" not in waiting_for(replica))  # type: ignore[misc]


def check_recovered(stack: Stack, reporter: Reporter) -> None:
    """Wait until everything is folded, then check every figure, and that new reports arrive as ever."""
    wait_until_folded(stack.infrastructure, seconds=90)
    wait_until_ready(stack[PROJECTOR])
    for learner in LEARNERS:
        reporter.report(learner, "afterwards")
    wait_until_folded(stack.infrastructure, seconds=90)
    reporter.check()
    counts = check_accounts(stack.infrastructure)
    assert (counts["parked"], counts["missing"]) == (0, 0)


def post_until_accepted(reporter: Reporter, learner: str) -> None:
    """Report once, as soon as it is accepted."""

    def accepted() -> bool:
        try:
            reporter.report(learner, "anew")
        except httpx2.HTTPStatusError:
            return False
        return True

    eventually(accepted, seconds=90)


@pytest.mark.long
@pytest.mark.parametrize("services", ["running", "stopped"])
def test_a_topic_made_anew_is_refused_until_the_documents_are_thrown_away(
    stack: Stack, reporter: Reporter, services: str
) -> None:
    infrastructure, projector = stack.infrastructure, stack[PROJECTOR]
    before = documents(infrastructure)
    if services == "stopped":
        stack.stop()
    delete_topic(infrastructure)
    if services == "running":
        assert f"there is no topic {TOPIC}; `learnflow log create` makes it" in refusal_of(projector, "log")
    stack.create_log()
    if services == "stopped":
        restart(stack)
    eventually(lambda: "is log" in waiting_for(projector).get("projector", ""))
    refusal = waiting_for(projector)["projector"]
    assert f"the documents were folded from log {before['control']['log']['topic_id']} (8 partitions)" in refusal
    assert "nothing is folded until somebody has put back the right log or the right documents" in refusal
    assert "or begins with an empty state store" in refusal

    # The old answers are still given, and nothing of the new log is folded on top of them.
    old = list(reporter.accepted)
    reporter.check()
    reporter.accepted.clear()
    for learner in LEARNERS:
        post_until_accepted(reporter, learner)
    reporter.platform.check(old)
    assert documents(infrastructure) == before
    assert waiting_for(projector)["projector"] == refusal
    assert waiting_for(stack[USER_PROGRESS]) == waiting_for(stack[COURSE_AGENT]) == {}

    # The way out that the message names.
    throw_documents_away(infrastructure)
    check_recovered(stack, reporter)


@pytest.mark.long
def test_documents_of_an_older_copy_are_brought_to_the_end_while_it_serves(stack: Stack, reporter: Reporter) -> None:
    infrastructure = stack.infrastructure
    backup = copy_documents(infrastructure)
    for learner in LEARNERS * 2:
        reporter.report(learner, "later")
    wait_until_folded(infrastructure)
    reporter.check()
    restore_documents(infrastructure, backup)
    assert sum(check_prefix(stack).values()) == 2 * len(LEARNERS)
    # One partition has a new event, which is delivered in front of what is lacking; the others have none.
    reporter.report(LEARNERS[0], "later-still")
    check_recovered(stack, reporter)

    throw_documents_away(infrastructure)
    check_recovered(stack, reporter)


@pytest.mark.long
def test_documents_of_an_older_copy_put_back_while_nothing_runs_are_brought_to_the_end(
    stack: Stack, reporter: Reporter
) -> None:
    backup = copy_documents(stack.infrastructure)
    for learner in LEARNERS:
        reporter.report(learner, "later")
    wait_until_folded(stack.infrastructure)
    stack.stop()
    restore_documents(stack.infrastructure, backup)
    restart(stack)
    check_recovered(stack, reporter)


def check_prefix(stack: Stack) -> dict[str, int]:
    """By learner how many events are counted, as the documents have it."""
    stored = documents(stack.infrastructure)
    return {learner: stored[f"g1/learner/{learner}"]["totals"]["events"] for learner in LEARNERS}


@pytest.mark.long
def test_a_checkpoint_beyond_the_end_is_refused_and_nothing_counts_as_applied(stack: Stack, reporter: Reporter) -> None:
    infrastructure, projector = stack.infrastructure, stack[PROJECTOR]
    backup = copy_documents(infrastructure)
    statement = (
        f"UPDATE {TABLE} SET value = convert_to(jsonb_set(convert_from(value, 'UTF8')::jsonb,"  # noqa: S608 - our own table
        " '{checkpoint}', '1001')::text, 'UTF8') WHERE key = 'g1/partition/3'"
    )
    sql(infrastructure, statement)
    before = documents(infrastructure)
    assert before["g1/partition/3"]["checkpoint"] == 1001
    end = log_ends(infrastructure)[3]
    refusal = refusal_of(projector)
    assert f"partition 3 is accounted for up to offset 1001, but the log ends before {end}" in refusal
    assert "nothing is taken for already applied" in refusal
    assert "put back" in refusal
    # What comes now waits: it is not in the documents, and is not thought to be.
    token = reporter.report(LEARNERS[3], "waits")
    answer = reporter.client.get(
        "status", params={"learner_id": LEARNERS[3]}, headers={"Consistency-Token": token, "Prefer": "wait=2"}
    )
    assert answer.headers["Consistency-Status"] != "included"
    assert documents(infrastructure) == before
    restore_documents(infrastructure, backup)
    check_recovered(stack, reporter)


@pytest.mark.long
def test_a_log_put_back_to_an_older_copy_is_refused_until_the_documents_are_too(
    stack: Stack, reporter: Reporter, tmp_path: Path
) -> None:
    infrastructure, projector = stack.infrastructure, stack[PROJECTOR]
    kafka, folder = infrastructure.kafka, infrastructure.data / "kafka"
    kafka.stop()
    shutil.copytree(folder, tmp_path / "kafka")
    kafka.start()
    documents_then, accepted_then = copy_documents(infrastructure), list(reporter.accepted)
    for _ in range(3):
        for learner in LEARNERS:
            post_until_accepted(reporter, learner)
    wait_until_folded(infrastructure, seconds=90)
    reporter.check()
    before = documents(infrastructure)

    kafka.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "kafka", folder)
    kafka.start()
    now = list(reporter.accepted)
    # Accepted by the older log, at an offset that the documents account for with what is lost.
    post_until_accepted(reporter, LEARNERS[5])
    lost = reporter.accepted[-1]
    eventually(lambda: "already applied" in waiting_for(projector).get("projector", ""), seconds=90)
    refusal = waiting_for(projector)["projector"]
    assert "the log was cut or restored" in refusal
    assert "put back" in refusal
    assert documents(infrastructure) == before
    reporter.platform.check(now)

    restore_documents(infrastructure, documents_then)
    reporter.accepted[:] = [*accepted_then, lost]
    check_recovered(stack, reporter)


def test_records_removed_before_they_were_folded_are_refused(stack: Stack, reporter: Reporter) -> None:
    infrastructure, projector = stack.infrastructure, stack[PROJECTOR]
    # Removed after they were folded: nothing is lacking.
    delete_records(infrastructure, 2, 1)
    projector.stop()
    projector.launch()
    wait_until_ready(projector)
    reporter.report(LEARNERS[2])
    wait_until_folded(infrastructure)
    reporter.check()

    projector.stop()
    backup = copy_documents(infrastructure)
    for _ in range(3):
        reporter.report(LEARNERS[2], "removed")
    assert partition_of(LEARNERS[2], PARTITIONS) == 2
    end = log_ends(infrastructure)[2]
    delete_records(infrastructure, 2, end - 1)
    projector.launch()
    eventually(lambda: "history is gone" in waiting_for(projector).get("projector", ""))
    refusal = waiting_for(projector)["projector"]
    assert f"partition 2 of the log begins at offset {end - 1}, but offset {end - 3} was never folded" in refusal
    assert "put back" in refusal
    assert copy_documents(infrastructure) == backup
    assert waiting_for(stack[USER_PROGRESS]) == {}
