"""Asking user-progress how a learner stands, by service invocation."""

import logging
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from curriculum.standing import ConceptStanding, Grasp, Standing
from sidecar.errors import SidecarUnavailable
from sidecar.invocation import InvocationResponse, ServiceInvoker
from web.problems import UNKNOWN_LEARNER

logger = logging.getLogger(__name__)

USER_PROGRESS: Final = "user-progress"


class Standings(Protocol):
    """Tells how learners stand."""

    async def of(self, learner_id: str) -> Standing | None:
        """How a learner stands; an empty standing for one who is not known, `None` if it can't be had in time."""
        ...


class InvokedStandings:
    """Implements `Standings` by asking the service that knows."""

    def __init__(self, invoker: ServiceInvoker, timeout_seconds: float) -> None:
        self._invoker = invoker
        self._timeout_seconds = timeout_seconds

    async def of(self, learner_id: str) -> Standing | None:
        """See `Standings`."""
        try:
            answer = await self._invoker.invoke(
                USER_PROGRESS,
                "GET",
                f"/status/mastery?{urlencode({'learner_id': learner_id})}",
                timeout_seconds=self._timeout_seconds,
            )
        except SidecarUnavailable as unavailable:
            logger.warning("a lesson is composed without its learner's standing: %s", unavailable)
            return None
        if _is_unknown_learner(answer):
            return Standing()
        if answer.status != HTTPStatus.OK:
            logger.warning(
                "a lesson is composed without its learner's standing: %s answers %d", USER_PROGRESS, answer.status
            )
            return None
        try:
            return _Mastery.model_validate_json(answer.body).standing()
        except ValidationError as invalid:
            logger.warning("a lesson is composed without its learner's standing: it can't be read: %s", invalid)
            return None


def _is_unknown_learner(answer: InvocationResponse) -> bool:
    """Whether this says so. Any other 404 says nothing of the learner: the service is another than expected."""
    if answer.status != HTTPStatus.NOT_FOUND:
        return False
    try:
        return _Problem.model_validate_json(answer.body).type == UNKNOWN_LEARNER.uri
    except ValidationError:
        return False


class _Problem(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str


class _Concept(BaseModel):
    model_config = ConfigDict(extra="ignore")

    concept: str
    mastery: float
    grasp: Grasp
    fading: bool
    last_score: float | None
    last_seen_at: datetime
    observations: int


class _Pace(BaseModel):
    model_config = ConfigDict(extra="ignore")

    ratio: float


class _AsOf(BaseModel):
    model_config = ConfigDict(extra="ignore")

    time: datetime | None


class _Mastery(BaseModel):
    """What is needed of the answer; that there is more, or less of the rest, does not matter."""

    model_config = ConfigDict(extra="ignore")

    mastery: list[_Concept]
    pace: _Pace | None
    as_of: _AsOf

    def standing(self) -> Standing:
        """As the composer has it."""
        concepts = {
            one.concept: ConceptStanding(
                mastery=one.mastery,
                grasp=one.grasp,
                fading=one.fading,
                last_score=one.last_score,
                last_seen_at=one.last_seen_at,
                lessons=one.observations,
            )
            for one in self.mastery
        }
        return Standing(concepts, None if self.pace is None else self.pace.ratio, self.as_of.time)
