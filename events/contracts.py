"""The data of each event, in its current version.

A contract only grows: a new field has a default. What would break an old event is a new version and an upcaster
(`events.upcasting`). Unknown fields are ignored, so that an older reader survives a newer writer of the same version.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from events.identity import ID_PATTERN
from events.quantities import MAX_TIME_SPENT_SECONDS, PPM

LearnerId = Annotated[str, Field(pattern=ID_PATTERN, description="Who learns; also the key in the log.")]
ConceptId = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=120,
        description="A concept of a pack of teaching material, such as `python/for-loops`.",
    ),
]
LessonId = Annotated[str, Field(pattern=ID_PATTERN, description="The lesson; need not be one of ours.")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
PartsPerMillion = Annotated[int, Field(ge=0, le=PPM)]


class Level(StrEnum):
    """How much a lesson takes for granted."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class EventData(BaseModel):
    """Base of all contracts: immutable, strict about types, indifferent to fields it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    NAME: ClassVar[str]
    VERSION: ClassVar[int]

    learner_id: LearnerId

    @classmethod
    def cloudevent_type(cls) -> str:
        """The CloudEvents `type`, e.g. `io.learnflow.LessonRequested.v1`."""
        return f"io.learnflow.{cls.NAME}.v{cls.VERSION}"

    @classmethod
    def dataschema(cls) -> str:
        """The CloudEvents `dataschema`: names the JSON Schema of this version."""
        return f"urn:learnflow:schema:{cls.NAME}:v{cls.VERSION}"


class LessonElement(BaseModel):
    """One step of a lesson."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", description="What the step is for, e.g. `practice`.")]
    title: Text
    minutes: Annotated[int, Field(ge=1, le=240)]
    content: Annotated[str, Field(min_length=1, max_length=50_000, description="Markdown.")]
    concept: Annotated[ConceptId | None, Field(description="What it is about, where that is one concept.")] = None
    why: Annotated[str | None, Field(max_length=500, description="Why it is in this lesson, for this learner.")] = None


class StandingUsed(StrEnum):
    """What a lesson was fitted to."""

    KNOWN = "known"
    """What the learner had done before."""
    NEW = "new"
    """Nothing: the learner was not known."""
    UNAVAILABLE = "unavailable"
    """Nothing: what the learner had done before could not be had in time."""


class LessonRequested(EventData):
    """A learner asked for a lesson; the lesson as it was composed then is part of the fact."""

    NAME: ClassVar[str] = "LessonRequested"
    VERSION: ClassVar[int] = 1

    lesson_id: LessonId
    topic: Text
    title: Text
    level: Annotated[Level, Field(strict=False)]
    duration_minutes: Annotated[int, Field(ge=5, le=240)]
    objectives: Annotated[tuple[Text, ...], Field(strict=False, max_length=20)]
    elements: Annotated[tuple[LessonElement, ...], Field(strict=False, min_length=1, max_length=200)]
    composer: Annotated[str, Field(min_length=1, max_length=100, description="What composed it, with its version.")]
    concepts: Annotated[
        tuple[ConceptId, ...],
        Field(
            strict=False, max_length=12, description="What it teaches; scores of the lesson count for each of these."
        ),
    ] = ()
    packs: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
        Field(strict=False, max_length=20, description="The teaching material it is made of, with versions."),
    ] = ()
    standing: Annotated[StandingUsed, Field(strict=False, description="What it was fitted to.")] = StandingUsed.NEW
    suggestions: Annotated[
        tuple[Text, ...],
        Field(
            strict=False,
            max_length=10,
            description="Topics of the teaching material that are near to a topic it lacks.",
        ),
    ] = ()


class ProgressUpdated(EventData):
    """A learner got somewhere in a lesson."""

    NAME: ClassVar[str] = "ProgressUpdated"
    VERSION: ClassVar[int] = 1

    lesson_id: LessonId
    completion_ppm: PartsPerMillion
    score_ppm: PartsPerMillion | None = None
    time_spent_ms: Annotated[int, Field(ge=0, le=MAX_TIME_SPENT_SECONDS * 1000)] = 0
    achievements: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(strict=False, max_length=50)
    ] = ()


AUTHORED_KINDS: Final = frozenset({"objectives", "explanation", "example", "reflection"})
"""Kinds of elements that a model may write anew: those that ask nothing, and whose right answer is not in them."""


class AuthoredPart(BaseModel):
    """The prose of one step, as a model wrote it for the learner."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    element: Annotated[int, Field(ge=0, lt=200, description="Which of the lesson's elements, from 0.")]
    content: Annotated[str, Field(min_length=1, max_length=50_000, description="Markdown, in place of the element's.")]


class LessonAuthored(EventData):
    """A language model wrote parts of a lesson anew for its learner; what it wrote is part of the fact."""

    NAME: ClassVar[str] = "LessonAuthored"
    VERSION: ClassVar[int] = 1

    lesson_id: LessonId
    author: Annotated[str, Field(min_length=1, max_length=100, description="The component, and the model if known.")]
    parts: Annotated[tuple[AuthoredPart, ...], Field(strict=False, min_length=1, max_length=200)]


CONTRACTS: tuple[type[EventData], ...] = (LessonRequested, ProgressUpdated, LessonAuthored)
