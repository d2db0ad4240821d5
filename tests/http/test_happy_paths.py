"""What every endpoint answers to what it is for, field by field as issue 3 has it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.http.harness import WITHOUT_PROJECTOR, Api, Json, serving

LESSON_FIELDS = {
    "lesson_id",
    "learner_id",
    "topic",
    "title",
    "level",
    "duration_minutes",
    "objectives",
    "elements",
    "composer",
    "concepts",
    "packs",
    "standing",
    "suggestions",
    "requested_at",
}
SHARED_FIGURES = {
    "lessons_requested",
    "lessons_started",
    "lessons_completed",
    "completion_rate",
    "average_score",
    "time_spent_seconds",
    "last_activity_at",
    "as_of",
}


def without_headers(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if name != "headers"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_lesson_is_in_the_answer_to_its_request(api: Api) -> None:
    before = datetime.now(UTC)
    accepted = await api.lesson(
        topic="Photosynthesis", level="advanced", objectives=["Explain the light reactions"], duration_minutes=45
    )
    after = datetime.now(UTC)

    assert without_headers(accepted).keys() == {"event_id", "lesson"}
    lesson = accepted["lesson"]
    assert lesson.keys() == LESSON_FIELDS
    assert lesson["learner_id"] == "ada"
    assert lesson["topic"] == "Photosynthesis"
    assert "Photosynthesis" in lesson["title"]
    assert lesson["level"] == "advanced"
    assert lesson["duration_minutes"] == 45
    assert lesson["objectives"] == ["Explain the light reactions"]
    assert before <= moment(lesson["requested_at"]) <= after
    for element in lesson["elements"]:
        assert element.keys() == {"kind", "title", "minutes", "content", "concept", "why"}
    assert sum(element["minutes"] for element in lesson["elements"]) == 45
    kinds = {element["kind"] for element in lesson["elements"]}
    assert {"explanation", "practice", "check", "reflection"} <= kinds
    assert "outline" in lesson["elements"][0]["content"]


async def test_level_objectives_and_duration_can_be_left_out(api: Api) -> None:
    lesson = (await api.lesson())["lesson"]

    assert lesson["level"] == "beginner"
    assert lesson["objectives"]
    assert sum(element["minutes"] for element in lesson["elements"]) == lesson["duration_minutes"]


async def test_a_topic_is_recorded_as_one_tidy_line(api: Api) -> None:
    assert (await api.lesson(topic="  Linear   algebra "))["lesson"]["topic"] == "Linear algebra"


@pytest.mark.parametrize("duration", [5, 240])
async def test_the_shortest_and_the_longest_lesson_add_up(api: Api, duration: int) -> None:
    lesson = (await api.lesson(duration_minutes=duration))["lesson"]

    assert sum(element["minutes"] for element in lesson["elements"]) == duration


async def test_the_location_of_a_lesson_shows_what_the_post_answered(api: Api) -> None:
    accepted = await api.lesson(topic="Größe, Maß & 数学 🎓", level="intermediate")

    assert accepted["headers"]["Location"] == f"/lessons/{accepted['lesson']['lesson_id']}"
    shown = await api.get(accepted["headers"]["Location"], after=accepted)
    assert [element.pop("author") for element in shown["elements"]] == [None] * len(shown["elements"])
    assert {name: shown[name] for name in LESSON_FIELDS} == accepted["lesson"]
    assert shown["progress"] is None
    assert shown["as_of"].keys() == {"time", "positions"}


async def test_a_report_is_answered_as_it_was_recorded(api: Api) -> None:
    accepted = await api.progress(
        lesson_id="loops",
        completion=0.1234567,
        score=0.9999999,
        time_spent_seconds=12.3456,
        achievements=["first", "first", "second"],
        occurred_at="2024-02-29T12:00:00.5+02:00",
    )

    assert without_headers(accepted).keys() == {"event_id", "learner_id", "lesson_id", "recorded"}
    assert (accepted["learner_id"], accepted["lesson_id"]) == ("ada", "loops")
    assert accepted["recorded"].keys() == {"completion", "score", "time_spent_seconds", "achievements", "occurred_at"}
    assert accepted["recorded"]["completion"] == 0.123457
    assert accepted["recorded"]["score"] == 1
    assert accepted["recorded"]["time_spent_seconds"] == 12.346
    assert accepted["recorded"]["achievements"] == ["first", "second"]
    assert moment(accepted["recorded"]["occurred_at"]) == datetime(2024, 2, 29, 10, 0, 0, 500_000, tzinfo=UTC)


async def test_a_report_without_a_time_occurred_now(api: Api) -> None:
    before = datetime.now(UTC)
    recorded = (await api.progress())["recorded"]

    assert before <= moment(recorded["occurred_at"]) <= datetime.now(UTC)
    assert recorded["score"] is None
    assert recorded["time_spent_seconds"] == 0
    assert recorded["achievements"] == []


@pytest.mark.parametrize("learner_id", ["ada", "a.b_c~d@e+f:g-h", "A" * 128, "0"])
async def test_the_location_of_a_report_shows_its_learner(api: Api, learner_id: str) -> None:
    accepted = await api.progress(learner_id)

    status = await api.get(accepted["headers"]["Location"], after=accepted)
    assert status["learner_id"] == learner_id
    assert status["lessons_started"] == 1


async def test_figures_of_a_learner_follow_their_definitions(api: Api) -> None:
    """Five lessons known: three asked for (one never begun), two only reported on."""
    now = datetime.now(UTC)
    asked = [(await api.lesson(topic=topic))["lesson"]["lesson_id"] for topic in ("Sets", "Maps", "Trees")]
    reports = [
        # (lesson, completion, score, seconds, achievements, days ago), in the order in which they arrive.
        (asked[0], 1.0, 0.9, 600, ["first-lesson"], 1),
        (asked[0], 0.4, 0.3, 300, [], 3),  # late: it occurred before the one above
        (asked[1], 0.5, None, 60.5, [], 2),
        ("theirs", 1.0, 0.4, 100, ["guest", "first-lesson"], 2),
        ("open", 0.999999, 0.5, 0, [], 0),
    ]
    last: Json | None = None
    for lesson_id, completion, score, seconds, achievements, days in reports:
        last = await api.progress(
            lesson_id=lesson_id,
            completion=completion,
            score=score,
            time_spent_seconds=seconds,
            achievements=achievements,
            occurred_at=(now - timedelta(days=days)).isoformat(),
        )

    status = await api.get("/status", after=last, learner_id="ada")

    assert status.keys() >= SHARED_FIGURES | {
        "learner_id",
        "achievements",
        "streak_days",
        "lessons",
        "recommendations",
    }
    assert status["lessons_requested"] == 3
    assert status["lessons_started"] == 4
    assert status["lessons_completed"] == 2
    assert status["completion_rate"] == pytest.approx(2 / 5)
    assert status["average_score"] == pytest.approx((0.9 + 0.4 + 0.5) / 3)
    assert status["time_spent_seconds"] == 1060.5
    assert sorted(status["achievements"]) == ["first-lesson", "guest"]
    assert status["streak_days"] == 4
    # Asking for a lesson is activity as well, and came before the last report by the clock of this test.
    assert moment(status["last_activity_at"]) >= now
    lessons = {lesson["lesson_id"]: lesson for lesson in status["lessons"]}
    assert lessons.keys() == {*asked, "theirs", "open"}
    assert lessons[asked[0]]["score"] == 0.9
    assert lessons[asked[0]]["completion"] == 1
    assert lessons[asked[0]]["time_spent_seconds"] == 900
    assert moment(lessons[asked[0]]["completed_at"]) == now - timedelta(days=1)
    assert lessons[asked[2]]["completion"] is None
    assert lessons["open"]["completed_at"] is None
    assert lessons["theirs"]["title"] is None
    assert status["recommendations"]
    for recommendation in status["recommendations"]:
        assert recommendation["lesson_id"] in lessons or recommendation["concept"]
        assert recommendation["what"]
        assert recommendation["why"]


async def test_figures_of_the_platform_are_those_of_all_learners(api: Api) -> None:
    await api.lesson("ada")
    await api.progress("ada", "one", completion=1, score=1, time_spent_seconds=10)
    await api.progress("ben", "one", completion=1, score=0.5, time_spent_seconds=20)
    await api.progress("cyd", "two", completion=0.5, time_spent_seconds=30.25)

    status = await api.everything(events=4)

    assert status.keys() >= SHARED_FIGURES | {"learners"}
    assert status["learners"] == 3
    assert status["lessons_requested"] == 1
    assert status["lessons_started"] == 3
    assert status["lessons_completed"] == 2
    assert status["completion_rate"] == pytest.approx(2 / 4)
    assert status["average_score"] == pytest.approx((1 + 0.5) / 2)
    assert status["time_spent_seconds"] == 60.25


async def test_a_platform_without_events_has_no_rates(api: Api) -> None:
    status = await api.get("/status")

    assert status["learners"] == 0
    assert status["completion_rate"] is None
    assert status["average_score"] is None
    assert status["last_activity_at"] is None
    assert status["as_of"] == {"time": None, "positions": {}}
    assert await api.get("/lessons") == {"lessons": [], "next_cursor": None, "as_of": {"time": None, "positions": {}}}


async def test_a_lesson_shows_its_learners_progress(api: Api) -> None:
    lesson_id = (await api.lesson())["lesson"]["lesson_id"]
    await api.progress(lesson_id=lesson_id, completion=1, score=0.25, time_spent_seconds=60, occurred_at=hours_ago(2))
    await api.progress(lesson_id=lesson_id, completion=0.7, score=0.75, time_spent_seconds=30, occurred_at=hours_ago(1))
    last = await api.progress(lesson_id=lesson_id, completion=0.1, time_spent_seconds=5, occurred_at=hours_ago(3))

    progress = (await api.get(f"/lessons/{lesson_id}", after=last))["progress"]

    assert progress["completion"] == 0.7
    assert progress["score"] == 0.75
    assert progress["time_spent_seconds"] == 95
    assert progress["reports"] == 3
    assert moment(progress["completed_at"]) < moment(progress["last_activity_at"])


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


async def test_the_score_that_occurred_last_counts_not_the_one_that_came_last(api: Api) -> None:
    await api.progress(score=0.2, occurred_at=hours_ago(1))
    last = await api.progress(score=0.8, occurred_at=hours_ago(2))

    assert (await api.get("/status", after=last, learner_id="ada"))["average_score"] == pytest.approx(0.2)


async def test_a_report_without_a_score_leaves_the_last_one_standing(api: Api) -> None:
    await api.progress(score=0.6, occurred_at=hours_ago(2))
    last = await api.progress(completion=1, occurred_at=hours_ago(1))

    assert (await api.get("/status", after=last, learner_id="ada"))["average_score"] == pytest.approx(0.6)


async def test_progress_may_come_before_its_lesson_and_in_another_learners_lesson(api: Api) -> None:
    """An id is anybody's to name: reports before the lesson, or by others, are that learner's own."""
    lesson = (await api.accepted("/generate-lesson", {"learner_id": "ada", "topic": "Sets"}))["lesson"]
    last = await api.progress("ben", lesson["lesson_id"], completion=1, score=0.9)

    assert (await api.get("/status", after=last, learner_id="ben"))["lessons_completed"] == 1
    assert (await api.get(f"/lessons/{lesson['lesson_id']}"))["progress"] is None


async def test_a_lesson_of_which_only_reports_are_known_is_in_the_status_and_in_no_list(api: Api) -> None:
    last = await api.progress(lesson_id="elsewhere", completion=0.25)

    status = await api.get("/status", after=last, learner_id="ada")
    assert [lesson["lesson_id"] for lesson in status["lessons"]] == ["elsewhere"]
    assert status["lessons_requested"] == 0
    assert (await api.get("/lessons", learner_id="ada"))["lessons"] == []
    assert (await api.client.get("/lessons/elsewhere")).status_code == 404


async def test_a_streak_ends_with_a_day_without_activity(api: Api) -> None:
    now = datetime.now(UTC)
    for days in (5, 6, 7, 8):
        await api.progress(occurred_at=(now - timedelta(days=days)).isoformat())
    last = await api.progress(occurred_at=(now - timedelta(days=1)).isoformat())
    status = await api.get("/status", after=last, learner_id="ada")

    assert status["streak_days"] == 1
    assert status["longest_streak_days"] == 4


async def test_a_streak_that_ended_is_none(api: Api) -> None:
    await api.progress(occurred_at=hours_ago(4 * 24))
    last = await api.progress(occurred_at=hours_ago(3 * 24))

    assert (await api.get("/status", after=last, learner_id="ada"))["streak_days"] == 0


async def test_as_of_tells_how_far_the_log_is_reflected_and_never_goes_back(api: Api) -> None:
    first = await api.progress()
    before = (await api.get("/status", after=first, learner_id="ada"))["as_of"]
    second = await api.progress()
    after = (await api.get("/status", after=second, learner_id="ada"))["as_of"]

    assert len(before["positions"]) == 1
    (partition,) = before["positions"]
    assert after["positions"][partition] == before["positions"][partition] + 1
    assert moment(after["time"]) >= moment(before["time"])
    assert (await api.bounds())[int(partition)].end == after["positions"][partition] + 1


async def test_a_recommended_request_is_one(api: Api) -> None:
    lesson = (await api.lesson(topic="Sets", level="beginner"))["lesson"]
    done = await api.progress(lesson_id=lesson["lesson_id"], completion=1, score=0.95)
    recommendations = (await api.get("/status", after=done, learner_id="ada"))["recommendations"]

    (advance,) = [one for one in recommendations if one["kind"] == "advance"]
    assert advance["request"] == {"learner_id": "ada", "topic": "Sets", "level": "intermediate"}
    await api.accepted("/generate-lesson", advance["request"])


async def test_first_reads_that_come_together_all_see_everything(api: Api) -> None:
    """A process learns with its first read how many partitions there are; those that come meanwhile wait for that."""
    last = await api.lesson()
    await api.get("/lessons", after=last)

    async with serving(api.ports, WITHOUT_PROJECTOR) as fresh:
        answers = await asyncio.gather(*(fresh.get("/status") for _ in range(20)))

    assert [answer["events"] for answer in answers] == [1] * 20
