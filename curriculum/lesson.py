"""What a lesson is asked with, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from curriculum.prose import in_one_line
from events.contracts import LessonElement, Level, StandingUsed

SHORTEST_LESSON: Final = 5
LONGEST_LESSON: Final = 240
MAX_TOPIC_LENGTH: Final = 200
MAX_OBJECTIVES: Final = 20
MAX_OBJECTIVE_LENGTH: Final = 300


@dataclass(frozen=True, slots=True)
class LessonRequest:
    """What a learner asks for.

    Attributes:
        topic: 1 to 200 characters that are not all blank, in any language.
        level: how much the lesson takes for granted.
        objectives: up to 20 texts of 1 to 300 characters that are not all blank; none means: the lesson's own.
        duration_minutes: 5 to 240.
        asked_at: when, with its offset from UTC.

    Raises:
        ValueError: if one of these is out of its range.
    """

    topic: str
    level: Level
    objectives: tuple[str, ...]
    duration_minutes: int
    asked_at: datetime

    def __post_init__(self) -> None:
        if not SHORTEST_LESSON <= self.duration_minutes <= LONGEST_LESSON:
            raise ValueError(f"a lesson takes {SHORTEST_LESSON} to {LONGEST_LESSON} minutes")
        if not in_one_line(self.topic) or len(self.topic) > MAX_TOPIC_LENGTH:
            raise ValueError(f"a topic has 1 to {MAX_TOPIC_LENGTH} characters and is not blank")
        if len(self.objectives) > MAX_OBJECTIVES:
            raise ValueError(f"a lesson has at most {MAX_OBJECTIVES} objectives")
        if any(not in_one_line(text) or len(text) > MAX_OBJECTIVE_LENGTH for text in self.objectives):
            raise ValueError(f"an objective has 1 to {MAX_OBJECTIVE_LENGTH} characters and is not blank")
        if self.asked_at.tzinfo is None:
            raise ValueError("a moment names its offset from UTC")


@dataclass(frozen=True, slots=True)
class ComposedLesson:
    """A lesson as `LessonRequested` records it: the minutes of its elements add up to `duration_minutes`.

    Attributes:
        title: up to 500 characters.
        level: the one that was asked for.
        duration_minutes: as asked for.
        objectives: 1 to 20; those of the request, in its words and its order, where it has any.
        elements: in the order in which they are worked on.
        composer: what composed it, with its version.
        concepts: ids of the concepts taught, in the order of the lesson; those of warm-ups are not among them.
        packs: the releases of all packs that it took something from.
        standing: what it was fitted to.
        suggestions: topics of the material that are near to what the request may have meant.
    """

    title: str
    level: Level
    duration_minutes: int
    objectives: tuple[str, ...]
    elements: tuple[LessonElement, ...]
    composer: str
    concepts: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    standing: StandingUsed = StandingUsed.NEW
    suggestions: tuple[str, ...] = ()
