"""Waiting until a lesson is in the projections."""

import asyncio
from typing import Final

from query_api.answers import LessonInFull
from query_api.lessons import find_lesson
from query_api.projections import Projections

FIRST_PAUSE_SECONDS: Final = 0.005
LONGEST_PAUSE_SECONDS: Final = 0.25


async def await_lesson(projections: Projections, lesson_id: str, wait_seconds: float) -> LessonInFull | None:
    """A lesson, as soon as it is in the projections; `None` if it is not there in time.

    Args:
        projections: where to look.
        lesson_id: of the lesson.
        wait_seconds: how long to look for it; 0 looks once.

    Raises:
        ProblemError: nothing was projected yet, or a document can't be read.
        SidecarError: the state store does not answer.
    """
    deadline = asyncio.get_running_loop().time() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        lesson = await find_lesson(projections, lesson_id)
        remaining = deadline - asyncio.get_running_loop().time()
        if lesson is not None or remaining <= 0:
            return lesson
        await asyncio.sleep(min(pause, remaining))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
