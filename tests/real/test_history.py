"""Real history through Dapr, Kafka and Postgres: every figure as plain Python computes it from the file."""

import httpx2
import pytest

from deploy.stack.stack import Stack
from tests.e2e.oracle import oulad_reports
from tests.e2e.platform import OULAD, Platform
from tests.real.surroundings import check_accounts, wait_until_folded

pytestmark = pytest.mark.process


@pytest.mark.timeout(300)
def test_every_figure_of_oulad_and_a_second_import_changes_nothing(stack: Stack) -> None:
    reports = oulad_reports(OULAD)
    learners = sorted({report.learner for report in reports})
    with httpx2.Client(base_url=stack.user_progress, timeout=60, trust_env=False) as client:
        platform = Platform(client)
        first = platform.import_file(OULAD)
        assert first.returncode == 0, first.stderr
        assert "1,793 rows: 1,793 accepted, 0 left out" in first.stdout
        platform.settle()
        platform.check(reports)
        before = [platform.status_of(learner) for learner in learners]
        wait_until_folded(stack.infrastructure)
        once = check_accounts(stack.infrastructure)
        assert once["applied"] == len(reports) + len(platform.markers)
        assert once["parked"] == once["missing"] == 0

        second = platform.import_file(OULAD, "--concurrency=3")
        assert second.returncode == 0, second.stderr
        platform.settle()
        assert [platform.status_of(learner) for learner in learners] == before
        platform.check(reports)
        wait_until_folded(stack.infrastructure)
        twice = check_accounts(stack.infrastructure)
        assert twice["applied"] == len(reports) + len(platform.markers)
        assert twice["duplicate"] >= once["duplicate"] + len(reports)


def test_lessons_asked_for_at_one_service_are_in_the_status_that_the_other_gives(stack: Stack) -> None:
    body = {"learner_id": "ada", "topic": "Loops", "level": "advanced", "duration_minutes": 45}
    accepted = httpx2.post(f"{stack.course_agent}/generate-lesson", json=body, trust_env=False).raise_for_status()
    lesson = accepted.json()["lesson"]
    headers = {"Consistency-Token": accepted.headers["Consistency-Token"], "Prefer": "wait=30"}
    of_ada = {"learner_id": "ada"}
    with httpx2.Client(base_url=stack.user_progress, timeout=60, trust_env=False) as progress:
        status = progress.get("status", params=of_ada, headers=headers).raise_for_status()
        assert status.headers["Consistency-Status"] == "included"
        (known,) = status.json()["lessons"]
        assert (known["lesson_id"], known["title"]) == (lesson["lesson_id"], lesson["title"])
        report = {**of_ada, "lesson_id": lesson["lesson_id"], "completion": 0.5}
        reported = progress.post("update-progress", json=report).raise_for_status()
    with httpx2.Client(base_url=stack.course_agent, timeout=60, trust_env=False) as lessons:
        headers = {"Consistency-Token": reported.headers["Consistency-Token"], "Prefer": "wait=30"}
        shown = lessons.get(f"lessons/{lesson['lesson_id']}", headers=headers).raise_for_status().json()
    assert shown["progress"]["completion"] == 0.5
    assert [element.pop("author") for element in shown["elements"]] == [None] * len(shown["elements"])
    assert shown["elements"] == lesson["elements"]
