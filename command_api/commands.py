"""What a client may ask to be recorded: the bodies of the POST endpoints, and what they answer."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from events.contracts import LearnerId, LessonElement, LessonId, LessonRequested, Level, StandingUsed
from events.quantities import MAX_TIME_SPENT_SECONDS
from events.times import EPOCH, Moment
from web import examples

CLOCK_TOLERANCE: Final = timedelta(minutes=2)
"""How far in the future something may have occurred by the clocks of others."""
# What `_single_line` asks for, as far as a pattern can say it.
_LINE_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


def _single_line(text: str) -> str:
    """Text without control characters, its outer space removed and inner space single.

    Raises:
        ValueError: for control characters, lone surrogates, and text that is blank.
    """
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
        raise ValueError("must not contain control characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain lone surrogates")
    if all(character.isspace() or unicodedata.category(character) == "Cf" for character in text):
        raise ValueError("must not be blank")
    return " ".join(text.split())


def _whole_number(value: object) -> object:
    """JSON has one kind of number: 30.0 is 30, as its schema says as well."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, so that one moment is one value however it was written."""
    if moment < EPOCH:
        raise ValueError("must not be before 1970-01-01T00:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must not be in the future") from None


MomentInUtc = Annotated[Moment, AfterValidator(_in_utc)]
Line = Annotated[str, AfterValidator(_single_line), Field(json_schema_extra={"pattern": _LINE_PATTERN})]


class Command(BaseModel):
    """Base of all commands: unknown fields are refused by name, types are not guessed."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    learner_id: LearnerId


class GenerateLesson(Command):
    """Ask for a lesson."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.GENERATE_LESSON]})

    topic: Annotated[Line, Field(min_length=1, max_length=200, description="What to learn; one line.")]
    level: Annotated[Level, Field(strict=False)] = Level.BEGINNER
    objectives: Annotated[
        list[Annotated[Line, Field(min_length=1, max_length=300)]],
        Field(
            max_length=20, description="What the learner wants to be able to do; left out, the lesson proposes some."
        ),
    ] = []
    duration_minutes: Annotated[int, Field(ge=5, le=240), BeforeValidator(_whole_number)] = 30


class UpdateProgress(Command):
    """Report how far a learner got in a lesson."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.UPDATE_PROGRESS]})

    lesson_id: LessonId
    completion: Annotated[float, Field(ge=0, le=1, description="How much of the lesson is done; kept to six decimals.")]
    score: Annotated[float | None, Field(ge=0, le=1, description="How well it went; kept to six decimals.")] = None
    time_spent_seconds: Annotated[
        float,
        Field(ge=0, le=MAX_TIME_SPENT_SECONDS, description="Since the last report; kept to milliseconds."),
    ] = 0
    achievements: Annotated[list[Annotated[Line, Field(min_length=1, max_length=100)]], Field(max_length=50)] = []
    occurred_at: Annotated[
        MomentInUtc | None,
        Field(description="When it happened, RFC 3339; 1970 or later, not in the future. Left out: now."),
    ] = None

    def occurred(self, now: datetime) -> datetime:
        """When it happened.

        Raises:
            ValueError: further in the future than clocks may differ.
        """
        if self.occurred_at is None:
            return now
        if self.occurred_at > now + CLOCK_TOLERANCE:
            raise ValueError("must not be in the future")
        return self.occurred_at


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
    composer: Annotated[str, Field(description="What composed it, with its version.")]
    concepts: Annotated[list[str], Field(description="What it teaches; scores of the lesson count for each of these.")]
    packs: Annotated[list[str], Field(description="The teaching material it is made of, with versions.")]
    standing: Annotated[StandingUsed, Field(description="What it was fitted to.")]
    suggestions: Annotated[list[str], Field(description="Titles in the teaching material that are near to the topic.")]
    requested_at: datetime

    def as_recorded(self) -> LessonRequested:
        """The data of the event that recorded it."""
        return LessonRequested.model_validate(self.model_dump(exclude={"requested_at"}))


class LessonAccepted(BaseModel):
    """The log has the request."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LESSON_ACCEPTED]})

    event_id: str
    lesson: Annotated[
        Lesson | None,
        Field(
            description="With an `Idempotency-Key`: the lesson that was recorded first under it, or `null` where that"
            " could not be read in time; `Location` will have it."
        ),
    ]


class RecordedProgress(BaseModel):
    """The report as it was recorded."""

    completion: float
    score: float | None
    time_spent_seconds: float
    achievements: list[str]
    occurred_at: datetime


class ProgressAccepted(BaseModel):
    """The log has the report."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROGRESS_ACCEPTED]})

    event_id: str
    learner_id: str
    lesson_id: str
    recorded: RecordedProgress


def canonical(command: Command) -> dict[str, Any]:
    """The command as plain JSON values: equal commands give equal values, however they were written.

    Fields at their default are left out, so that a field added later does not give old commands another name.
    """
    return command.model_dump(mode="json", exclude_defaults=True)
