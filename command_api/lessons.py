"""POST /generate-lesson: the command side of the course-agent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Body, Response

from command_api.commands import GenerateLesson, Lesson, LessonAccepted
from command_api.publisher import Publisher
from command_api.recording import RESPONSES, Context, RequestContext, accept, identify, metadata_of, record
from command_api.standings import Standings
from curriculum.composer import LessonRequest, compose
from curriculum.material import Curriculum
from curriculum.standing import Standing
from events.contracts import LessonRequested
from events.identity import lesson_id_for
from web.limits import LimitedRoute

SOURCE: Final = "/learnflow/course-agent"


class LessonsUnreadable(Exception):
    """Recorded lessons can't be read now.

    Attributes:
        lesson_id: of the one that was asked for.
    """

    def __init__(self, lesson_id: str) -> None:
        super().__init__(f"lesson {lesson_id} can't be looked up")
        self.lesson_id = lesson_id


class RecordedLessons(Protocol):
    """Tells which lesson was recorded, by whoever can read that: this room can't."""

    async def find(self, lesson_id: str) -> Lesson | None:
        """The lesson as it was recorded first; `None` if there is none yet.

        Raises:
            LessonsUnreadable: that can't be found out now.
        """
        ...

    async def wait_for(self, lesson_id: str, seconds: float) -> Lesson | None:
        """The lesson as it was recorded first, as soon as it can be read; `None` if that is not within `seconds`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonMaking:
    """What lessons are made with.

    Attributes:
        curriculum: what there is to teach.
        standings: tell what the learner knows.
        recorded: tells which lesson a repeated request was answered with.
        offer: is told of lessons that were recorded, so that an agent may work on them; returns at once.
        repeat_seconds: how long a request with an `Idempotency-Key` waits for the lesson recorded under it.
    """

    curriculum: Curriculum
    standings: Standings
    recorded: RecordedLessons
    offer: Callable[[LessonRequested], None]
    repeat_seconds: float


def lesson_router(publisher: Publisher, making: LessonMaking) -> APIRouter:
    """The endpoint that asks for a lesson; appends through `publisher`."""
    router = APIRouter(tags=["course-agent"], route_class=LimitedRoute)

    @router.post(
        "/generate-lesson",
        status_code=202,
        operation_id="generateLesson",
        summary="Ask for a lesson",
        response_description="The log has the request; the lesson is in the answer.",
        responses=RESPONSES,
    )
    async def generate_lesson(
        command: Annotated[GenerateLesson, Body()], context: Context, response: Response
    ) -> LessonAccepted:
        """Compose a lesson for what its learner knows, record the request with it, and answer with both.

        The lesson is in lists and statuses a moment later; send the `Consistency-Token` with a GET to wait for that.
        A request with an `Idempotency-Key` is answered with the lesson recorded first under it. Where that can't be
        read within two seconds, the answer has no lesson: `Location` will.
        """
        event_id = identify(context, command, LessonRequested)
        lesson_id = lesson_id_for(source=SOURCE, event_id=event_id, learner_id=command.learner_id)
        standing, earlier = await asyncio.gather(
            making.standings.of(command.learner_id), _earlier(making, context, lesson_id)
        )
        lesson = earlier.lesson
        if lesson is None:
            data = _compose(making, command, standing, lesson_id, context.received_at)
            metadata = metadata_of(context, event_id=event_id, source=SOURCE, occurred_at=context.received_at)
            await record(publisher, context, command, metadata, data)
            if context.idempotency_key is None:
                lesson = Lesson(**data.model_dump(), requested_at=metadata.time)
                making.offer(data)
            elif earlier.readable:
                # Another request under this key may have been recorded before: only what was recorded is the lesson.
                lesson = await making.recorded.wait_for(lesson_id, making.repeat_seconds)
        accept(
            response,
            location=f"/lessons/{lesson_id}",
            learner_id=command.learner_id,
            source=SOURCE,
            event_id=event_id,
        )
        if lesson is not None and context.idempotency_key is not None:
            # Also when it is found: whoever recorded it may have ended before it was offered.
            making.offer(lesson.as_recorded())
        return LessonAccepted(event_id=event_id, lesson=lesson)

    return router


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What a look for an earlier request under the same key found.

    Attributes:
        lesson: that was recorded; `None` for none yet.
        readable: whether recorded lessons could be read.
    """

    lesson: Lesson | None = None
    readable: bool = True


async def _earlier(making: LessonMaking, context: RequestContext, lesson_id: str) -> _Earlier:
    if context.idempotency_key is None:
        return _Earlier()
    try:
        return _Earlier(await making.recorded.find(lesson_id))
    except LessonsUnreadable:
        return _Earlier(readable=False)


def _compose(
    making: LessonMaking, command: GenerateLesson, standing: Standing | None, lesson_id: str, asked_at: datetime
) -> LessonRequested:
    request = LessonRequest(command.topic, command.level, tuple(command.objectives), command.duration_minutes, asked_at)
    composed = compose(request, standing, making.curriculum)
    return LessonRequested(
        learner_id=command.learner_id,
        lesson_id=lesson_id,
        topic=command.topic,
        title=composed.title,
        level=composed.level,
        duration_minutes=composed.duration_minutes,
        objectives=composed.objectives,
        elements=composed.elements,
        composer=composed.composer,
        concepts=composed.concepts,
        packs=composed.packs,
        standing=composed.standing,
        suggestions=composed.suggestions,
    )
