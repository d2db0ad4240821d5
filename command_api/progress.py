"""POST /update-progress: the command side of user-progress."""

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Body, Response

from command_api.commands import ProgressAccepted, RecordedProgress, UpdateProgress
from command_api.publisher import Publisher
from command_api.recording import RESPONSES, Context, accept, identify, metadata_of, record
from events.contracts import ProgressUpdated
from events.quantities import from_ppm, to_milliseconds, to_ppm, to_seconds
from web.limits import LimitedRoute
from web.problems import INVALID, FieldProblem, ProblemError

SOURCE: Final = "/learnflow/user-progress"


def progress_router(publisher: Publisher) -> APIRouter:
    """The endpoint that reports progress; appends through `publisher`."""
    router = APIRouter(tags=["user-progress"], route_class=LimitedRoute)

    @router.post(
        "/update-progress",
        status_code=202,
        operation_id="updateProgress",
        summary="Report progress in a lesson",
        response_description="The log has the report.",
        responses=RESPONSES,
    )
    async def update_progress(
        command: Annotated[UpdateProgress, Body()], context: Context, response: Response
    ) -> ProgressAccepted:
        """Record a report. It may come late, before its lesson, or for a lesson that is not one of ours.

        A repeat under the same `Idempotency-Key` is answered with the same id. What was recorded first is what counts;
        without `occurred_at` the time in the answer is of this request.
        """
        occurred_at = _occurred_at(command, context.received_at)
        event_id = identify(context, command, ProgressUpdated)
        data = ProgressUpdated(
            learner_id=command.learner_id,
            lesson_id=command.lesson_id,
            completion_ppm=to_ppm(command.completion),
            score_ppm=None if command.score is None else to_ppm(command.score),
            time_spent_ms=to_milliseconds(command.time_spent_seconds),
            achievements=tuple(dict.fromkeys(command.achievements)),
        )
        metadata = metadata_of(context, event_id=event_id, source=SOURCE, occurred_at=occurred_at)
        await record(publisher, context, command, metadata, data)
        accept(
            response,
            location=f"/status?learner_id={quote(data.learner_id, safe='')}",
            learner_id=data.learner_id,
            source=SOURCE,
            event_id=event_id,
        )
        return ProgressAccepted(
            event_id=event_id,
            learner_id=data.learner_id,
            lesson_id=data.lesson_id,
            recorded=_recorded(data, occurred_at),
        )

    return router


def _occurred_at(command: UpdateProgress, now: datetime) -> datetime:
    try:
        return command.occurred(now)
    except ValueError as impossible:
        raise ProblemError(INVALID, errors=[FieldProblem(field="occurred_at", detail=str(impossible))]) from None


def _recorded(data: ProgressUpdated, occurred_at: datetime) -> RecordedProgress:
    return RecordedProgress(
        completion=from_ppm(data.completion_ppm),
        score=None if data.score_ppm is None else from_ppm(data.score_ppm),
        time_spent_seconds=to_seconds(data.time_spent_ms),
        achievements=list(data.achievements),
        occurred_at=occurred_at,
    )
