"""GET /status: the query side of user-progress."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from events.identity import ID_PATTERN
from query_api.answers import LearnerStatus, PlatformStatus
from query_api.consistency import WantedConsistency, with_consistency
from query_api.figures import learner_status, platform_status
from query_api.projections import Projections
from read_models import keys
from read_models.documents import LearnerDocument
from web.parameters import only
from web.problems import INTERNAL, INVALID, NOT_READY, UNKNOWN_LEARNER, ProblemError, responses


def status_router(projections: Projections, today: Callable[[], date]) -> APIRouter:
    """The endpoint that shows where learners stand, from projections alone; `today` tells the date in UTC."""
    router = APIRouter(tags=["user-progress"])

    @router.get(
        "/status",
        dependencies=[Depends(only("learner_id"))],
        operation_id="getStatus",
        summary="Where a learner stands; without a learner, the whole platform",
        responses=with_consistency(responses(INVALID, UNKNOWN_LEARNER, NOT_READY, INTERNAL)),
    )
    async def get_status(
        response: Response,
        demand: WantedConsistency,
        learner_id: Annotated[
            str | None, Query(pattern=ID_PATTERN, description="Whose status; left out: the platform's.")
        ] = None,
    ) -> LearnerStatus | PlatformStatus:
        """Show figures, lessons and recommendations of a learner, or the figures of all learners together."""
        headers = await demand.meet(projections, response)
        if learner_id is None:
            return await _platform(projections)
        snapshot = await projections.read(lambda generation, _: [keys.learner(generation, learner_id)])
        document = snapshot.find(keys.learner(snapshot.generation, learner_id), LearnerDocument)
        if document is None:
            raise ProblemError(UNKNOWN_LEARNER, headers=headers)
        return learner_status(document, today())

    return router


async def _platform(projections: Projections) -> PlatformStatus:
    snapshot = await projections.read(
        lambda generation, partitions: [keys.partition(generation, number) for number in range(partitions)]
    )
    return platform_status(snapshot.partition_documents())
