"""What a POST is told of the lessons in the projections, which its room can't read."""

import asyncio
import logging
from typing import Final

from command_api.commands import Lesson
from query_api.projections import Projections
from query_api.recorded import await_lesson
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

    async def find(self, lesson_id: str, wait_seconds: float) -> Lesson | None:
        """See `RecordedLessons`."""
        if wait_seconds > 0 and self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        try:
            async with asyncio.timeout(max(wait_seconds, LOOK_SECONDS)):
                found = await await_lesson(self._projections, lesson_id, wait_seconds)
        except (TimeoutError, SidecarError, ProblemError) as failure:
            logger.warning("lesson %s is not looked up: %s", lesson_id, str(failure) or type(failure).__name__)
            return None
        finally:
            self._waiting -= 1
        if found is None:
            return None
        # As it was recorded: what a model wrote later is read by GET.
        return Lesson.model_validate(found.model_dump(include=set(Lesson.model_fields)))
