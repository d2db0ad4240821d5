"""What the GET endpoints answer."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from events.times import EPOCH
from web import examples


class AsOf(BaseModel):
    """How far the log is reflected in an answer; it never goes back."""

    time: Annotated[datetime | None, Field(description="When the log took the last event in here.")]
    positions: Annotated[dict[str, int], Field(description="The last offset in here, by partition of the log.")]


class LessonListed(BaseModel):
    """A lesson as lists show it."""

    lesson_id: str
    learner_id: str
    topic: str
    title: str
    level: str
    duration_minutes: int
    requested_at: datetime


class LessonList(BaseModel):
    """A page of lessons, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LESSON_LIST]})

    lessons: list[LessonListed]
    next_cursor: Annotated[
        str | None,
        Field(description="Where the next page begins. A page may be short, even empty, and still have a next one."),
    ]
    as_of: AsOf


class LessonProgress(BaseModel):
    """How far a learner got in a lesson."""

    completion: Annotated[float, Field(description="The completion that occurred last.")]
    score: Annotated[float | None, Field(description="The score that occurred last.")]
    completed_at: Annotated[datetime | None, Field(description="When it was first reported complete.")]
    time_spent_seconds: float
    reports: Annotated[int, Field(description="How many reports there were.")]
    last_activity_at: datetime


class Element(BaseModel):
    """One step of a lesson."""

    kind: str
    title: str
    minutes: int
    content: str


class LessonInFull(LessonListed):
    """A lesson with all its steps, and the learner's progress in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LESSON_IN_FULL]})

    objectives: list[str]
    elements: list[Element]
    composer: Annotated[str, Field(description="What composed it, with its version.")]
    progress: Annotated[LessonProgress | None, Field(description="`null` before the first report.")]
    as_of: AsOf


class LessonStatus(BaseModel):
    """A lesson in a learner's status; what is asked for is `null` where only reports of it are known."""

    lesson_id: str
    topic: str | None
    title: str | None
    level: str | None
    requested_at: datetime | None
    completion: float | None
    score: float | None
    completed_at: datetime | None
    time_spent_seconds: float
    last_activity_at: datetime


class NextLesson(BaseModel):
    """A body for POST /generate-lesson."""

    learner_id: str
    topic: str
    level: str


class Recommendation(BaseModel):
    """What to do next, and why."""

    kind: Literal["continue", "review", "start", "advance"]
    lesson_id: Annotated[str, Field(description="The lesson that it is about.")]
    title: str | None
    why: str
    request: Annotated[NextLesson | None, Field(description="With `advance`: ready for POST /generate-lesson.")] = None


class Figures(BaseModel):
    """Figures that learners and the platform have in common; `docs/figures.md` defines each."""

    lessons_requested: int
    lessons_known: int
    lessons_started: int
    lessons_completed: int
    completion_rate: Annotated[float | None, Field(description="Completed / known lessons; `null` without any.")]
    average_score: Annotated[
        float | None, Field(description="Mean over scored lessons of the score that occurred last.")
    ]
    time_spent_seconds: float
    events: Annotated[int, Field(description="How many events these figures count.")]
    last_activity_at: datetime | None


class LearnerStatus(Figures):
    """Where a learner stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LEARNER_STATUS]})

    learner_id: str
    achievements: Annotated[list[str], Field(description="Earned first, first; 500 at most.")]
    streak_days: Annotated[int, Field(description="Days in a row (UTC) with activity, up to today or yesterday.")]
    longest_streak_days: int
    lessons: Annotated[list[LessonStatus], Field(description="Active last, first; 100 at most.")]
    recommendations: list[Recommendation]
    as_of: AsOf


class PlatformStatus(Figures):
    """Where all learners together stand."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PLATFORM_STATUS]})

    learners: int
    achievements_awarded: int
    as_of: AsOf


def moment_us(microseconds: int) -> datetime:
    """Microseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(microseconds=microseconds)


def moment_ms(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(milliseconds=milliseconds)
