"""What a POST is told of the lessons in the projections, which its room can't read."""

import asyncio
import logging
from typing import Final

from command_api.commands import Lesson
from command_api.lessons import LessonsUnreadable
from events.contracts import LessonElement, Level, StandingUsed
from query_api.answers import moment_us
from query_api.projections import Projections
from query_api.recorded import await_lesson, recorded_lesson
from read_models.documents import LessonDocument
from sidecar.errors import SidecarError
from web.problems import ProblemError

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""The longest that a look may take: a request is recorded whether documents can be read or not."""
MOST_WAITING: Final = 200
"""How many requests may wait at once in a process; one more is answered without its lesson."""


class ProjectedLessons:
    """Implements `command_api.lessons.RecordedLessons`."""

    def __init__(self, projections: Projections) -> None:
        self._projections = projections
        self._waiting = 0

    async def find(self, lesson_id: str) -> Lesson | None:
        """See `RecordedLessons`."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await recorded_lesson(self._projections, lesson_id)
        except (TimeoutError, SidecarError, ProblemError) as failure:
            logger.warning("lesson %s is not looked up: %s", lesson_id, str(failure) or type(failure).__name__)
            raise LessonsUnreadable(lesson_id) from failure
        return None if found is None else _as_answered(found)

    async def wait_for(self, lesson_id: str, seconds: float) -> Lesson | None:
        """See `RecordedLessons`."""
        if self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        try:
            found = await await_lesson(self._projections, lesson_id, seconds)
        finally:
            self._waiting -= 1
        return None if found is None else _as_answered(found)


def _as_answered(lesson: LessonDocument) -> Lesson:
    return Lesson(
        lesson_id=lesson.lesson_id,
        learner_id=lesson.learner_id,
        topic=lesson.topic,
        title=lesson.title,
        level=Level(lesson.level),
        duration_minutes=lesson.duration_minutes,
        objectives=lesson.objectives,
        elements=[
            LessonElement(
                kind=one.kind,
                title=one.title,
                minutes=one.minutes,
                content=one.content,
                concept=one.concept,
                why=one.why,
            )
            for one in lesson.elements
        ],
        composer=lesson.composer,
        concepts=lesson.concepts,
        packs=lesson.packs,
        standing=StandingUsed(lesson.standing),
        suggestions=lesson.suggestions,
        requested_at=moment_us(lesson.requested_at_us),
    )
