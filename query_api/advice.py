"""GET /status/advice: what a learner might do next, in words."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agents.advice import (
    MOST_ACHIEVEMENTS,
    MOST_CONCEPTS,
    MOST_LESSONS,
    MOST_NEXT,
    Advice,
    ConceptSeen,
    LessonSeen,
    NextStep,
    StatusDigest,
    plain_advice,
    status_version,
)
from curriculum.material import Curriculum
from events.identity import ID_PATTERN
from query_api.answers import AsOf, LearnerStatus
from query_api.consistency import WantedConsistency, with_consistency
from query_api.figures import learner_status
from query_api.projections import Projections
from query_api.status import find_learner
from web.parameters import only
from web.problems import INTERNAL, INVALID, NOT_READY, UNKNOWN_LEARNER, responses

_LONGEST: Final = 500
_EXAMPLE: Final[dict[str, Any]] = {
    "learner_id": "ada",
    "advice": "You have completed 1 of 1 lesson, with an average score of 90 %. Next: Go beyond Python decorators. You"
    " completed it with 90 %: the intermediate level is next.",
    "author": "learnflow",
    "status_version": "5b2f0c6d1e8a4f739c0d2b7e6a1f4c38",
    "as_of": {"time": "2026-01-31T10:00:00.500Z", "positions": {"3": 17}},
}


class Adviser(Protocol):
    """Has advice written by somebody who is better at it than rules are."""

    async def __call__(self, learner_id: str, version: str, digest: StatusDigest) -> Advice | None:
        """Advice on a status; `None` where none is to be had in time. The same for one version, as long as it counts.

        Args:
            learner_id: whose status it is.
            version: of the status, from `agents.advice.status_version`.
            digest: what it says.
        """
        ...


class StatusAdvice(BaseModel):
    """Advice on a learner's status."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    learner_id: str
    advice: Annotated[str, Field(description="A paragraph of plain text.")]
    author: Annotated[str, Field(description="`learnflow` where it follows from rules alone, else the model.")]
    status_version: Annotated[str, Field(description="Names the status that it is on.")]
    as_of: AsOf


def advice_router(
    projections: Projections, now: Callable[[], datetime], curriculum: Curriculum, adviser: Adviser | None
) -> APIRouter:
    """The endpoint for advice, from projections and the adviser; without one, from rules alone."""
    router = APIRouter(tags=["user-progress"])

    @router.get(
        "/status/advice",
        dependencies=[Depends(only("learner_id"))],
        operation_id="getAdvice",
        summary="What a learner might do next, in words",
        responses=with_consistency(responses(INVALID, UNKNOWN_LEARNER, NOT_READY, INTERNAL)),
    )
    async def get_advice(
        response: Response,
        demand: WantedConsistency,
        learner_id: Annotated[str, Query(pattern=ID_PATTERN, description="Whose.")],
    ) -> StatusAdvice:
        """Say what went well and what to do next. Where a model is to write it and does not in time, rules do."""
        headers = await demand.meet(projections, response)
        status = learner_status(await find_learner(projections, learner_id, headers), now(), curriculum)
        digest = digest_of(status)
        version = status_version(digest)
        advice = None if adviser is None else await adviser(learner_id, version, digest)
        advice = advice or plain_advice(digest)
        return StatusAdvice(
            learner_id=learner_id,
            advice=advice.text,
            author=advice.author,
            status_version=version,
            as_of=status.as_of,
        )

    return router


def digest_of(status: LearnerStatus) -> StatusDigest:
    """What of a status advice is about: bounded, in whole numbers, and without who the learner is."""
    fading = frozenset(status.fading)
    urgent_first = sorted(status.mastery, key=lambda one: one.concept not in fading)
    return StatusDigest(
        lessons_known=status.lessons_known,
        lessons_completed=status.lessons_completed,
        average_score_percent=_percent(status.average_score),
        minutes_spent=round(status.time_spent_seconds / 60),
        streak_days=status.streak_days,
        achievements=tuple(text[:_LONGEST] for text in status.achievements[-MOST_ACHIEVEMENTS:]),
        lessons=tuple(
            LessonSeen(
                title=(one.title or "")[:_LONGEST],
                completed_percent=_percent(one.completion),
                score_percent=_percent(one.score),
            )
            for one in status.lessons[:MOST_LESSONS]
        ),
        concepts=tuple(
            ConceptSeen(title=one.title or one.concept, grasp=one.grasp.value, fading=one.fading)
            for one in urgent_first[:MOST_CONCEPTS]
        ),
        next=tuple(NextStep(what=one.what, why=one.why) for one in status.recommendations[:MOST_NEXT]),
    )


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
