"""What a client may ask to be recorded: the bodies of the POST endpoints, and what they answer."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from events.contracts import LearnerId, LessonElement, LessonId, Level
from events.envelope import EPOCH
from events.quantities import MAX_TIME_SPENT_SECONDS

CLOCK_TOLERANCE: Final = timedelta(minutes=2)
"""How far in the future something may have occurred by the clocks of others."""


def _single_line(text: str) -> str:
    """Text without control characters, its outer space removed and inner space single.

    Raises:
        ValueError: for control characters, lone surrogates, and text that is blank.
    """
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
        raise ValueError("must not contain control characters")
    tidy = " ".join(text.split())
    if not tidy:
        raise ValueError("must not be blank")
    return tidy


def _text_of_time(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a date-time as RFC 3339 writes it, e.g. 2026-01-31T09:30:00Z")  # noqa: TRY004
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text_of_time)]
Line = Annotated[str, AfterValidator(_single_line)]


class Command(BaseModel):
    """Base of all commands: unknown fields are refused by name, types are not guessed."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    learner_id: LearnerId


class GenerateLesson(Command):
    """Ask for a lesson."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "learner_id": "ada",
                    "topic": "Python decorators",
                    "level": "beginner",
                    "objectives": ["Write a decorator that times a function"],
                    "duration_minutes": 30,
                }
            ]
        }
    )

    topic: Annotated[Line, Field(min_length=1, max_length=200, description="What to learn; one line.")]
    level: Annotated[Level, Field(strict=False)] = Level.BEGINNER
    objectives: Annotated[
        list[Annotated[Line, Field(min_length=1, max_length=300)]],
        Field(
            max_length=20, description="What the learner wants to be able to do; left out, the lesson proposes some."
        ),
    ] = []
    duration_minutes: Annotated[int, Field(ge=5, le=240)] = 30


class UpdateProgress(Command):
    """Report how far a learner got in a lesson."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "learner_id": "ada",
                    "lesson_id": "intro-to-loops",
                    "completion": 1,
                    "score": 0.85,
                    "time_spent_seconds": 1260,
                    "achievements": ["first-lesson"],
                }
            ]
        }
    )

    lesson_id: LessonId
    completion: Annotated[float, Field(ge=0, le=1, description="How much of the lesson is done; kept to six decimals.")]
    score: Annotated[float | None, Field(ge=0, le=1, description="How well it went; kept to six decimals.")] = None
    time_spent_seconds: Annotated[
        float,
        Field(ge=0, le=MAX_TIME_SPENT_SECONDS, description="Since the last report; kept to milliseconds."),
    ] = 0
    achievements: Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=50)] = []
    occurred_at: Annotated[
        Moment | None,
        Field(description="When it happened, RFC 3339; 1970 or later, not in the future. Left out: now."),
    ] = None

    def occurred(self, now: datetime) -> datetime:
        """When it happened.

        Raises:
            ValueError: before 1970, or further in the future than clocks may differ.
        """
        if self.occurred_at is None:
            return now
        if self.occurred_at < EPOCH:
            raise ValueError("must not be before 1970-01-01T00:00:00Z")
        if self.occurred_at > now + CLOCK_TOLERANCE:
            raise ValueError("must not be in the future")
        return self.occurred_at.astimezone(UTC)


class Lesson(BaseModel):
    """A lesson in full, as it was recorded."""

    lesson_id: str
    learner_id: str
    topic: str
    title: str
    level: Level
    duration_minutes: int
    objectives: list[str]
    elements: list[LessonElement]
    requested_at: datetime


class LessonAccepted(BaseModel):
    """The log has the request."""

    event_id: str
    lesson: Lesson


class RecordedProgress(BaseModel):
    """The report as it was recorded."""

    completion: float
    score: float | None
    time_spent_seconds: float
    achievements: list[str]
    occurred_at: datetime


class ProgressAccepted(BaseModel):
    """The log has the report."""

    event_id: str
    learner_id: str
    lesson_id: str
    recorded: RecordedProgress


def canonical(command: Command) -> dict[str, Any]:
    """The command as plain JSON values: equal commands give equal values, however they were written."""
    return command.model_dump(mode="json")
