"""Waiting for an answer that includes what the client has written.

The check comes before the answer is read. That is sound because documents only move forward: a generation takes over
only once it has reached the one it replaces.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Response

from events.consistency import ConsistencyToken
from events.errors import InvalidToken
from query_api.projections import Projections
from read_models import keys
from read_models.documents import CountedDocument, LearnerDocument, ParkedEventDocument
from web.preferences import wait_seconds
from web.problems import INVALID, FieldProblem, ProblemError

FIRST_PAUSE_SECONDS: Final = 0.002
LONGEST_PAUSE_SECONDS: Final = 0.1

CONSISTENCY_HEADERS: Final[dict[str, Any]] = {
    "Consistency-Status": {
        "description": "With a `Consistency-Token`: whether the answer includes its event. `pending`: not yet."
        " `parked`: the event could not be folded, an operator has to look at it.",
        "schema": {"type": "string", "enum": ["included", "pending", "parked"]},
    },
    "Preference-Applied": {"description": "The `wait` that was honoured.", "schema": {"type": "string"}},
}


def with_consistency(described: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of what a GET answers, with the headers that its success and a 404 may carry."""
    found: dict[int | str, dict[str, Any]] = {200: {}, **described}
    return {
        status: one | {"headers": CONSISTENCY_HEADERS} if status in {200, 404} else one for status, one in found.items()
    }


class ConsistencyStatus(StrEnum):
    """Whether an answer includes the event of a token."""

    INCLUDED = "included"
    PENDING = "pending"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a GET wants to be included.

    Attributes:
        token: names the event; `None` if the client named none.
        wait_seconds: how long it would wait for it.
    """

    token: ConsistencyToken | None
    wait_seconds: int

    async def meet(self, projections: Projections, response: Response) -> dict[str, str]:
        """Wait until the event is included, is parked, or time runs out; say so in the headers.

        Returns:
            The headers set, for an answer that is a problem.
        """
        if self.token is None:
            return {}
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            status = await _status(projections, self.token)
            remaining = deadline - asyncio.get_running_loop().time()
            if status is not ConsistencyStatus.PENDING or remaining <= 0:
                break
            await asyncio.sleep(min(pause, remaining))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        headers = {"Consistency-Status": status.value}
        if self.wait_seconds:
            headers["Preference-Applied"] = f"wait={self.wait_seconds}"
        response.headers.update(headers)
        return headers


async def _status(projections: Projections, token: ConsistencyToken) -> ConsistencyStatus:
    snapshot = await projections.read(
        lambda generation, _: (
            keys.learner(generation, token.learner_id),
            keys.learner_counted(generation, token.learner_id, token.fingerprint),
            keys.parked_event(generation, token.fingerprint),
        )
    )
    generation = snapshot.generation
    head = snapshot.find(keys.learner(generation, token.learner_id), LearnerDocument)
    share = snapshot.find(keys.learner_counted(generation, token.learner_id, token.fingerprint), CountedDocument)
    if (head and token.fingerprint in head.counted) or (share and token.fingerprint in share.counted):
        return ConsistencyStatus.INCLUDED
    if snapshot.find(keys.parked_event(generation, token.fingerprint), ParkedEventDocument):
        return ConsistencyStatus.PARKED
    return ConsistencyStatus.PENDING


async def _demand(
    consistency_token: Annotated[
        str | None,
        Header(
            alias="Consistency-Token",
            max_length=500,
            description="From the 202 of a POST: the answer is wanted with that event included.",
        ),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        Header(alias="Prefer", description="`wait=N`: wait up to N seconds (30 at most) for the token's event."),
    ] = None,
) -> Demand:
    if consistency_token is None:
        return Demand(None, 0)
    try:
        token = ConsistencyToken.decode(consistency_token)
    except InvalidToken as invalid:
        error = FieldProblem(field="Consistency-Token", detail=str(invalid))
        raise ProblemError(INVALID, errors=[error]) from None
    return Demand(token, wait_seconds(prefer or ()))


WantedConsistency = Annotated[Demand, Depends(_demand)]
