"""The four endpoints of the specification, as one learner meets them."""

from typing import Any, Final
from uuid import uuid4

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.scene import ACCEPTED, OK, Scene, including


def _generate(scene: Scene, see: Notebook) -> None:
    story = scene.story
    lesson = story.lesson.json()["lesson"]
    see.holds(
        story.lesson.status == ACCEPTED,
        f"POST /generate-lesson answers 202, Location {story.lesson.headers['location']}",
    )
    see.holds(
        {name: lesson[name] for name in story.asked} == story.asked,
        f"the lesson is what {story.learner} asked for: {story.asked['topic']}, {story.asked['level']},"
        f" {story.asked['duration_minutes']} minutes",
    )
    elements: list[dict[str, Any]] = lesson["elements"]
    text = sum(len(one["content"]) for one in elements)
    see.holds(
        bool(lesson["objectives"]) and bool(elements) and all(one["content"].strip() for one in elements),
        f"it has content: {lesson['title']!r}, {len(lesson['objectives'])} objectives, {len(elements)} steps"
        f" ({', '.join(one['kind'] for one in elements)}), {text} characters",
    )
    minutes = sum(one["minutes"] for one in elements)
    see.holds(minutes == lesson["duration_minutes"], f"its steps take {minutes} minutes together, as planned")
    next_lesson = story.next_lesson.json()["lesson"]
    see.holds(
        next_lesson["standing"] == "known",
        "the next lesson is fitted to the learner's standing, by user-progress's answer (standing: known)",
        else_=f"standing: {next_lesson['standing']}",
    )


def _lessons(scene: Scene, see: Notebook) -> None:
    story = scene.story
    own = including(scene.course_agent, "/lessons", story.last_token, learner_id=story.learner).json()["lessons"]
    wanted = {answer.json()["lesson"]["lesson_id"] for answer in (story.lesson, story.next_lesson)}
    see.holds(
        {one["lesson_id"] for one in own} == wanted,
        f"GET /lessons?learner_id={story.learner} lists the lessons asked for, and no other ({len(own)});"
        " with Consistency-Token and Prefer: wait it says included",
    )
    everybody = scene.course_agent.get("/lessons").json()["lessons"]
    see.holds(
        wanted <= {one["lesson_id"] for one in everybody},
        f"GET /lessons, of everybody and newest first, has them on its first page ({len(everybody)} lessons)",
    )
    whole = scene.course_agent.get(story.lesson.headers["location"]).json()
    recorded = story.lesson.json()["lesson"]
    see.holds(
        _says(whole, recorded),
        f"GET {story.lesson.headers['location']} has the lesson as the POST answered it",
    )


def _update(scene: Scene, see: Notebook) -> None:
    story = scene.story
    said = story.report.json()
    see.holds(story.report.status == ACCEPTED, f"POST /update-progress answers 202, event {said['event_id']}")
    sent = {name: value for name, value in story.reported.items() if name not in {"learner_id", "lesson_id"}}
    see.holds(
        {name: said["recorded"][name] for name in sent} == sent,
        f"it confirms what was recorded: {', '.join(f'{name} {value}' for name, value in sent.items())}",
    )


def _status(scene: Scene, see: Notebook) -> None:
    story = scene.story
    status = including(scene.user_progress, "/status", story.last_token, learner_id=story.learner).json()
    expected = {
        "learner_id": story.learner,
        "events": 3,
        "lessons_requested": 2,
        "lessons_known": 2,
        "lessons_started": 1,
        "lessons_completed": 1,
        "completion_rate": 0.5,
        "average_score": story.reported["score"],
        "time_spent_seconds": story.reported["time_spent_seconds"],
        "achievements": story.reported["achievements"],
    }
    for name, value in expected.items():
        see.holds(status[name] == value, f"{name} is {value}", else_=f"it is {status[name]}")
    see.note(f"mastery of {len(status['mastery'])} concepts, {len(status['recommendations'])} recommendations")
    advice = scene.user_progress.get("/status/advice", learner_id=story.learner)
    see.holds(advice.status == OK and bool(advice.json()["advice"]), "GET /status/advice says what to do next")
    platform = scene.user_progress.get("/status")
    see.holds(
        platform.status == OK and platform.json()["learners"] > 0,
        f"GET /status, of everybody: {platform.json()['learners']} learners, {platform.json()['events']} events",
    )


def _repeated(scene: Scene, see: Notebook) -> None:
    learner = f"{scene.learner}-repeats"
    body = {"learner_id": learner, "lesson_id": "intro", "completion": 0.5, "time_spent_seconds": 60}
    key = {"Idempotency-Key": uuid4().hex}
    answers = [scene.user_progress.post("/update-progress", body, headers=key) for _ in range(3)]
    see.holds(
        {answer.status for answer in answers} == {ACCEPTED} and len({one.json()["event_id"] for one in answers}) == 1,
        "one report sent three times under one Idempotency-Key is one event",
        else_=", ".join(answer.describe() for answer in answers),
    )
    token = answers[-1].headers["consistency-token"]
    status = including(scene.user_progress, "/status", token, learner_id=learner).json()
    see.holds(
        status["events"] == 1 and status["time_spent_seconds"] == body["time_spent_seconds"],
        "and it counts once",
        else_=f"events {status['events']}, time {status['time_spent_seconds']} s",
    )


def _says(whole: Any, part: Any) -> bool:
    """Whether all that is in a part is in the whole; an object there may have further fields."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _says(whole[name], value) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_says, whole, part))
    return bool(whole == part)


CHECKS: Final = (
    Check(
        "generate-lesson",
        "POST /generate-lesson creates a lesson and returns it",
        ("US1-1", "FR-005", "SC-001", "SC-007"),
        _generate,
    ),
    Check("lessons", "GET /lessons lists the lessons", ("US1-2", "FR-006", "SC-001", "SC-007"), _lessons),
    Check(
        "update-progress",
        "POST /update-progress records progress and confirms it",
        ("US2-1", "FR-007", "SC-002", "SC-007"),
        _update,
    ),
    Check("status", "GET /status tells where a learner stands", ("US2-2", "FR-008", "SC-002", "SC-007"), _status),
    Check("repeated", "A command that is repeated under its key counts once", ("SC-007", "US2-1"), _repeated),
)
"""See `checks`."""
