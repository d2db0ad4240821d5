"""A lesson as it was recorded, as soon as it is in the projections."""

import asyncio
from typing import Final

from query_api.projections import Projections
from read_models import keys
from read_models.documents import LessonDocument
from sidecar.errors import SidecarError
from web.problems import ProblemError

FIRST_PAUSE_SECONDS: Final = 0.005
LONGEST_PAUSE_SECONDS: Final = 0.25


async def recorded_lesson(projections: Projections, lesson_id: str) -> LessonDocument | None:
    """A lesson as it was composed; `None` if there is none of this id. What a model wrote later is not in it.

    Raises:
        ProblemError: nothing was projected yet, or a document can't be read.
        SidecarError: the state store does not answer.
    """
    snapshot = await projections.read(lambda generation, _: [keys.lesson(generation, lesson_id)])
    return snapshot.find(keys.lesson(snapshot.generation, lesson_id), LessonDocument)


async def await_lesson(projections: Projections, lesson_id: str, wait_seconds: float) -> LessonDocument | None:
    """A lesson as it was composed, as soon as it is there; `None` if it is not there, or can't be read, in time.

    Args:
        projections: where to look.
        lesson_id: of the lesson.
        wait_seconds: how long to look for it, above 0.
    """
    pause = FIRST_PAUSE_SECONDS
    try:
        async with asyncio.timeout(wait_seconds):
            while True:
                lesson = await _look(projections, lesson_id)
                if lesson is not None:
                    return lesson
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    except TimeoutError:
        return None


async def _look(projections: Projections, lesson_id: str) -> LessonDocument | None:
    """As `recorded_lesson`; what can't be read now may be at the next look, such as while a generation takes over."""
    try:
        return await recorded_lesson(projections, lesson_id)
    except (ProblemError, SidecarError):
        return None
