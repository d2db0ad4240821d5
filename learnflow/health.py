"""GET /healthz and GET /readyz."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sidecar.errors import SidecarError, StorageDamaged
from web.problems import INVALID, FieldProblem, ProblemError, responses

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0

Check = Callable[[], Awaitable[str | None]]
"""Says what is amiss, in a sentence; `None` for nothing. A `SidecarError` counts as its own text, unless it is about
damage: that names files, so it goes to the program's log."""


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "alive"}]})

    status: str = "alive"


class Readiness(BaseModel):
    """Whether the service can do its work now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ready": True, "waiting_for": {}}]})

    ready: bool
    waiting_for: Annotated[dict[str, str], Field(description="What is amiss, by part; empty when ready.")]


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """The endpoints for whoever runs the service.

    Args:
        checks: by the name of the part that each looks at.
    """
    router = APIRouter(tags=["health"])
    # Whether a sidecar is looked at depends on the settings; the description does not.
    known = sorted({*checks, "sidecar"})

    @router.get("/healthz", operation_id="getHealth", summary="Alive: the process answers")
    async def healthz() -> Alive:
        """Answer; it says nothing about log or state store, so that an outage of theirs restarts nobody."""
        return Alive()

    @router.get(
        "/readyz",
        operation_id="getReadiness",
        summary="Ready: what the service needs is there",
        responses={
            **responses(INVALID),
            503: {"model": Readiness, "description": "Not ready; `waiting_for` says what is amiss."},
        },
    )
    async def readyz(
        response: Response,
        exclude: Annotated[
            list[str],
            Query(
                description="Parts not to look at: for a probe that asks only for what is this replica's own.",
                json_schema_extra={"items": {"type": "string", "enum": known}},
            ),
        ] = [],  # noqa: B006 - never changed; with None the parameter would be described as one that may be null
    ) -> Readiness:
        """Look at everything the service needs, and name what is amiss."""
        left_out = set(exclude)
        if not left_out <= set(known):
            fault = FieldProblem(field="exclude", detail=f"must be one of: {', '.join(known)}")
            raise ProblemError(INVALID, errors=[fault])
        looked_at = {name: check for name, check in checks.items() if name not in left_out}
        found = await asyncio.gather(*(_look(check) for check in looked_at.values()))
        waiting_for = {name: amiss for name, amiss in zip(looked_at, found, strict=True) if amiss is not None}
        if waiting_for:
            response.status_code = 503
        return Readiness(ready=not waiting_for, waiting_for=waiting_for)

    return router


async def _look(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except StorageDamaged:
        logger.exception("what is stored is damaged")
        return "it can't read back what it holds; the program's log says more"
    except SidecarError as error:
        return str(error)
