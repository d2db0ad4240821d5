"""POST /generate-lesson: the command side of the course-agent."""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Response

from command_api.commands import GenerateLesson, Lesson, LessonAccepted
from command_api.publisher import Publisher
from command_api.recording import RESPONSES, Context, accept, identify, metadata_of, record
from curriculum.composer import LessonRequest, compose
from events.contracts import LessonRequested
from events.identity import lesson_id_for
from web.limits import LimitedRoute

SOURCE: Final = "/learnflow/course-agent"


def lesson_router(publisher: Publisher) -> APIRouter:
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
        """Compose a lesson, record the request with it, and answer with both.

        The lesson is in lists and statuses a moment later; send the `Consistency-Token` with a GET to wait for that.
        A repeat under the same `Idempotency-Key` is answered with the same ids. What was recorded first is what counts;
        the times in the answer are of this request.
        """
        event_id = identify(context, command, LessonRequested)
        composed = compose(
            LessonRequest(command.topic, command.level, tuple(command.objectives), command.duration_minutes)
        )
        data = LessonRequested(
            learner_id=command.learner_id,
            lesson_id=lesson_id_for(source=SOURCE, event_id=event_id, learner_id=command.learner_id),
            topic=command.topic,
            title=composed.title,
            level=composed.level,
            duration_minutes=composed.duration_minutes,
            objectives=composed.objectives,
            elements=composed.elements,
            composer=composed.composer,
        )
        metadata = metadata_of(context, event_id=event_id, source=SOURCE, occurred_at=context.received_at)
        await record(publisher, context, command, metadata, data)
        accept(
            response,
            location=f"/lessons/{data.lesson_id}",
            learner_id=data.learner_id,
            source=SOURCE,
            event_id=event_id,
        )
        lesson = Lesson(**data.model_dump(exclude={"composer"}), requested_at=metadata.time)
        return LessonAccepted(event_id=event_id, lesson=lesson)

    return router
