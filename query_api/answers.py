"""What the GET endpoints answer."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from curriculum.standing import Grasp
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
    content: Annotated[str, Field(description="Markdown.")]
    concept: Annotated[str | None, Field(description="What it is about, where that is one concept.")] = None
    why: Annotated[str | None, Field(description="Why it is in this lesson, for this learner.")] = None
    author: Annotated[
        str | None, Field(description="The model that wrote `content` anew; `null` where it is as composed.")
    ] = None


class LessonInFull(LessonListed):
    """A lesson with all its steps, and the learner's progress in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LESSON_IN_FULL]})

    objectives: list[str]
    elements: list[Element]
    composer: Annotated[str, Field(description="What composed it, with its version.")]
    concepts: Annotated[list[str], Field(description="What it teaches; scores of the lesson count for each of these.")]
    packs: Annotated[list[str], Field(description="The teaching material it is made of, with versions.")]
    standing: Annotated[
        str,
        Field(description="What it was fitted to: `known` (what the learner had done), `new`, or `unavailable`."),
    ]
    suggestions: Annotated[list[str], Field(description="Titles in the teaching material that are near to the topic.")]
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

    kind: Literal["continue", "refresh", "strengthen", "review", "start", "learn", "advance"]
    what: Annotated[str, Field(description="In a few words.")]
    why: Annotated[str, Field(description="In a sentence.")]
    lesson_id: Annotated[str | None, Field(description="The lesson that it is about, if it is about one.")] = None
    title: Annotated[str | None, Field(description="Of that lesson, or of the concept.")] = None
    concept: Annotated[str | None, Field(description="The concept that it is about, if it is about one.")] = None
    request: Annotated[NextLesson, Field(description="Ready for POST /generate-lesson.")]


class ConceptMastery(BaseModel):
    """How well a learner has a concept today."""

    concept: str
    title: Annotated[str | None, Field(description="`null` where no installed pack has the concept.")]
    mastery: Annotated[float, Field(description="The probability, 0 to 1, that the learner can do it today.")]
    grasp: Annotated[Grasp, Field(description="The same in a word.")]
    fading: Annotated[bool, Field(description="It was held well, and much of that is forgotten.")]
    last_score: Annotated[float | None, Field(description="Of the last lesson on it that had one.")]
    last_seen_at: Annotated[datetime, Field(description="When it was last worked on.")]
    observations: Annotated[int, Field(description="How many results this follows from; 8 at most are kept.")]


class Pace(BaseModel):
    """How long a learner takes, over completed lessons with time reported."""

    lessons: int
    minutes_taken: float
    minutes_planned: int
    ratio: Annotated[float, Field(description="Minutes taken for each minute planned.")]


class LearnerMastery(BaseModel):
    """What a learner knows, and how fast they learn: what a lesson is fitted to."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LEARNER_MASTERY]})

    learner_id: str
    mastery: list[ConceptMastery]
    pace: Pace | None
    as_of: AsOf


class StuckConcept(BaseModel):
    """A concept that many find hard."""

    concept: str
    title: str | None
    lessons: Annotated[int, Field(description="Asked for, that teach it.")]
    scored: Annotated[int, Field(description="Of these, with a score.")]
    average_score: Annotated[float, Field(description="Mean of the scores that occurred last, one a lesson.")]
    weak_share: Annotated[float, Field(description="Share of the scored lessons whose last score is below 0.6.")]


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
    mastery: Annotated[list[ConceptMastery], Field(description="By concept, in the order in which they are taught.")]
    fading: Annotated[list[str], Field(description="Concepts that are being forgotten, the most urgent first.")]
    pace: Annotated[Pace | None, Field(description="`null` before a lesson was completed with time reported.")]
    recommendations: list[Recommendation]
    as_of: AsOf


class PlatformStatus(Figures):
    """Where all learners together stand."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PLATFORM_STATUS]})

    learners: int
    achievements_awarded: int
    pace: Annotated[Pace | None, Field(description="Of all learners together.")]
    stuck: Annotated[list[StuckConcept], Field(description="Where learners get stuck, the hardest first; ten at most.")]
    as_of: AsOf


def moment_us(microseconds: int) -> datetime:
    """Microseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(microseconds=microseconds)


def moment_ms(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as a UTC time."""
    return EPOCH + timedelta(milliseconds=milliseconds)
