"""POST /generate-lesson: the command side of the course-agent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Body, Response

from command_api.commands import GenerateLesson, Lesson, LessonAccepted
from command_api.publisher import Publisher
from command_api.recording import RESPONSES, Context, accept, identify, metadata_of, record
from command_api.standings import Standings
from curriculum.composer import LessonRequest, compose
from curriculum.material import Curriculum
from events.contracts import LessonRequested
from events.identity import lesson_id_for
from web.limits import LimitedRoute

SOURCE: Final = "/learnflow/course-agent"


class RecordedLessons(Protocol):
    """Tells which lesson was recorded, by whoever can read that: this room can't."""

    async def find(self, lesson_id: str, wait_seconds: float) -> Lesson | None:
        """The lesson as it was recorded first; `None` if it can't be read, or does not appear in time.

        Args:
            lesson_id: of the lesson.
            wait_seconds: how long to wait for it to appear; 0 looks once.
        """
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
        keyed = context.idempotency_key is not None
        lesson = await making.recorded.find(lesson_id, 0) if keyed else None
        if lesson is None:
            data = await _compose(making, command, lesson_id, context.received_at)
            metadata = metadata_of(context, event_id=event_id, source=SOURCE, occurred_at=context.received_at)
            await record(publisher, context, command, metadata, data)
            if keyed:
                # Another request under this key may have been recorded before: only what was recorded is the lesson.
                lesson = await making.recorded.find(lesson_id, making.repeat_seconds)
            else:
                lesson = Lesson(**data.model_dump(), requested_at=metadata.time)
            if lesson is not None:
                making.offer(lesson.as_recorded())
        accept(
            response,
            location=f"/lessons/{lesson_id}",
            learner_id=command.learner_id,
            source=SOURCE,
            event_id=event_id,
        )
        return LessonAccepted(event_id=event_id, lesson=lesson)

    return router


async def _compose(
    making: LessonMaking, command: GenerateLesson, lesson_id: str, asked_at: datetime
) -> LessonRequested:
    standing = await making.standings.of(command.learner_id)
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
