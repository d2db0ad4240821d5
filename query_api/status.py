"""GET /status: the query side of user-progress."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from curriculum.material import Curriculum
from events.identity import ID_PATTERN
from query_api.answers import LearnerMastery, LearnerStatus, PlatformStatus
from query_api.consistency import WantedConsistency, with_consistency
from query_api.figures import learner_mastery, learner_status, platform_status
from query_api.projections import Projections
from read_models import keys
from read_models.documents import LearnerDocument
from web.parameters import only
from web.problems import INTERNAL, INVALID, NOT_READY, UNKNOWN_LEARNER, ProblemError, responses


def status_router(projections: Projections, now: Callable[[], datetime], curriculum: Curriculum) -> APIRouter:
    """The endpoints that show where learners stand, from projections alone; `now` tells the time in UTC."""
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
            return await _platform(projections, curriculum)
        return learner_status(await find_learner(projections, learner_id, headers), now(), curriculum)

    @router.get(
        "/status/mastery",
        dependencies=[Depends(only("learner_id"))],
        operation_id="getMastery",
        summary="What a learner knows, and how fast they learn",
        responses=with_consistency(responses(INVALID, UNKNOWN_LEARNER, NOT_READY, INTERNAL)),
    )
    async def get_mastery(
        response: Response,
        demand: WantedConsistency,
        learner_id: Annotated[str, Query(pattern=ID_PATTERN, description="Whose.")],
    ) -> LearnerMastery:
        """Show the part of a learner's status that a lesson is fitted to."""
        headers = await demand.meet(projections, response)
        return learner_mastery(await find_learner(projections, learner_id, headers), now(), curriculum)

    return router


async def find_learner(projections: Projections, learner_id: str, headers: Mapping[str, str]) -> LearnerDocument:
    """A learner's document.

    Raises:
        ProblemError: there is none, or nothing was projected yet; `headers` are sent with the first of these.
    """
    snapshot = await projections.read(lambda generation, _: [keys.learner(generation, learner_id)])
    document = snapshot.find(keys.learner(snapshot.generation, learner_id), LearnerDocument)
    if document is None:
        raise ProblemError(UNKNOWN_LEARNER, headers=headers)
    return document


async def _platform(projections: Projections, curriculum: Curriculum) -> PlatformStatus:
    snapshot = await projections.read(
        lambda generation, partitions: [keys.partition(generation, number) for number in range(partitions)]
    )
    return platform_status(snapshot.partition_documents(), curriculum)
