"""Waiting for an answer that includes what the client has written.

The check comes before the answer is read. That is sound because documents only move forward: a generation takes over
only once it has reached the one it replaces.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
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
LONGEST_PAUSE_SECONDS: Final = 0.5
MOST_WAITING: Final = 200
"""How many requests may wait at once in a process: each reads a learner's document again and again."""

CONSISTENCY_HEADERS: Final[dict[str, Any]] = {
    "Consistency-Status": {
        "description": "With a `Consistency-Token`: whether the answer includes its event. `pending`: not yet."
        " `parked`: the event could not be folded, an operator has to look at it.",
        "schema": {"type": "string", "enum": ["included", "pending", "parked"]},
    },
    "Preference-Applied": {
        "description": "The `wait` that was honoured. It is missing where one was asked for but too many requests"
        " wait already: the answer is what there is now.",
        "schema": {"type": "string"},
    },
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

        Where `MOST_WAITING` requests wait already, this one does not: it says how things are, and that no preference
        was applied.

        Returns:
            The headers set, for an answer that is a problem.
        """
        if self.token is None:
            return {}
        honoured = self.wait_seconds > 0
        status = await _status(projections, self.token)
        if honoured and status is ConsistencyStatus.PENDING:
            with _places.take() as honoured:
                if honoured:
                    status = await _wait(projections, self.token, self.wait_seconds)
        headers = {"Consistency-Status": status.value}
        if honoured:
            headers["Preference-Applied"] = f"wait={self.wait_seconds}"
        response.headers.update(headers)
        return headers


class _Places:
    """Where requests wait, for all of a process; there are `MOST_WAITING`."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Take a place while the context lasts, if there is one; whether there was."""
        free = self._taken < MOST_WAITING
        self._taken += free
        try:
            yield free
        finally:
            self._taken -= free


_places: Final = _Places()


async def _wait(projections: Projections, token: ConsistencyToken, seconds: int) -> ConsistencyStatus:
    """Look again and again, ever less often, as long as the event is pending and time is left."""
    deadline = asyncio.get_running_loop().time() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        remaining = deadline - asyncio.get_running_loop().time()
        await asyncio.sleep(min(pause, max(remaining, 0.0)))
        status = await _status(projections, token)
        if status is not ConsistencyStatus.PENDING or remaining <= pause:
            return status
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


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
