"""Errors as RFC 9457 problem details.

Every error of every endpoint is one of `PROBLEMS`; `docs/problems.md` lists them. The `type` is stable: programs decide
by it. Values that a client sent are never repeated in a problem: they may be anybody's data.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from events.identity import ID_PATTERN, ID_RULE, IDEMPOTENCY_KEY_PATTERN
from sidecar.errors import MessageTooLarge, SidecarUnavailable, StorageDamaged

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST_FIELD: Final = 200
_UNREADABLE: Final = "A document can't be read; the program's log says which."
_PLAIN: Final = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is required",
    "finite_number": "must be a number; NaN and infinities are none",
}
_PLAIN_PATTERNS: Final = {
    ID_PATTERN: ID_RULE,
    IDEMPOTENCY_KEY_PATTERN: "must be 1 to 255 visible ASCII characters",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem.

    Attributes:
        slug: the end of its `type`.
        status: the HTTP status it comes with.
        title: what it is, the same each time.
    """

    slug: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The stable `type`."""
        return f"urn:learnflow:problem:{self.slug}"


MALFORMED = ProblemType("malformed-request", 400, "The request body is not JSON")
STALE_CURSOR = ProblemType("stale-cursor", 410, "The list was rebuilt since this cursor was given; start again")
INVALID = ProblemType("invalid-request", 422, "The request is not valid")
TOO_SLOW = ProblemType("request-timeout", 408, "The request body did not come in time")
TOO_LARGE = ProblemType("request-too-large", 413, "The request is too large")
MEDIA = ProblemType("unsupported-media-type", 415, "The request body must be application/json")
NOT_FOUND = ProblemType("not-found", 404, "There is nothing at this address")
UNKNOWN_LEARNER = ProblemType("unknown-learner", 404, "No event of this learner is known here")
UNKNOWN_LESSON = ProblemType("unknown-lesson", 404, "No such lesson is known here")
METHOD = ProblemType("method-not-allowed", 405, "This address does not take this method")
QUEUE_FULL = ProblemType("too-busy", 503, "Nothing was recorded: too many requests are waiting")
NOT_RECORDED = ProblemType("not-recorded", 503, "Nothing was recorded: the log does not take events now")
NOT_CONFIRMED = ProblemType("not-confirmed", 503, "Not confirmed: the event may or may not have been recorded")
NOT_READY = ProblemType("not-ready", 503, "The answer can't be given now")
INTERNAL = ProblemType("internal-error", 500, "A fault of this service")

PROBLEMS: Final = (
    MALFORMED, INVALID, MEDIA, TOO_SLOW, TOO_LARGE, NOT_FOUND, UNKNOWN_LEARNER, UNKNOWN_LESSON, METHOD, STALE_CURSOR,
    QUEUE_FULL, NOT_RECORDED, NOT_CONFIRMED, NOT_READY, INTERNAL,
)  # fmt: skip


_EXAMPLES: Final[dict[ProblemType, dict[str, Any]]] = {
    INVALID: {"errors": [{"field": "topic", "detail": "must not be blank"}]},
    NOT_CONFIRMED: {
        "detail": "Repeat the request with this Idempotency-Key: however often it arrives, it counts once.",
        "idempotency_key": "retry.019c1375-aa3b-7c52-8f6e-2b5f0d3c9a10.5b2f0c6d1e8a4f739c0d2b7e6a1f4c38",
    },
}
_RETRY_AFTER: Final = {"description": "Seconds to wait before another try.", "schema": {"type": "integer"}}
_KEY_TO_REPEAT: Final = {
    "description": "With `not-confirmed`: the key under which a repeat counts once.",
    "schema": {"type": "string"},
}


class FieldProblem(BaseModel):
    """One fault of a request."""

    field: Annotated[str, Field(description="Where: body field (dotted), query parameter or header.")]
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: Annotated[list[FieldProblem] | None, Field(description="With `invalid-request`: every fault found.")] = None
    idempotency_key: Annotated[
        str | None, Field(description="With `not-confirmed`: repeat the request with this `Idempotency-Key`.")
    ] = None


@dataclass
class ProblemError(Exception):
    """Raised by an endpoint to answer with a problem.

    Attributes:
        kind: which problem.
        detail: about this occurrence.
        errors: the faults of the request, if it is the request's fault.
        extensions: further members of the problem.
        headers: of the answer.
    """

    kind: ProblemType
    detail: str | None = None
    errors: Sequence[FieldProblem] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def responses(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems that an endpoint may answer with."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in sorted({kind.status for kind in kinds}):
        of_status = [kind for kind in kinds if kind.status == status]
        examples = {kind.slug: {"value": _members(kind) | _EXAMPLES.get(kind, {})} for kind in of_status}
        described[status] = {
            "description": "; ".join(kind.title for kind in of_status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
        }
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            described[status]["headers"] = {"Retry-After": _RETRY_AFTER}
        if NOT_CONFIRMED in of_status:
            described[status]["headers"]["Idempotency-Key"] = _KEY_TO_REPEAT
    return described


def respond(problem: ProblemError) -> JSONResponse:
    """The problem as an HTTP response."""
    kind = problem.kind
    content = _members(kind)
    if problem.detail is not None:
        content["detail"] = problem.detail
    if problem.errors:
        content["errors"] = [error.model_dump() for error in problem.errors]
    content.update(problem.extensions)
    return JSONResponse(content, status_code=kind.status, headers=dict(problem.headers), media_type=MEDIA_TYPE)


def _members(kind: ProblemType) -> dict[str, Any]:
    return {"type": kind.uri, "title": kind.title, "status": kind.status}


def install(app: FastAPI) -> None:
    """Have every error of the app answered with a problem."""

    @app.exception_handler(ProblemError)
    async def _problem(_request: Request, problem: ProblemError) -> JSONResponse:
        return respond(problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, invalid: RequestValidationError) -> JSONResponse:
        return respond(_from_validation(invalid))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        kinds = {kind.status: kind for kind in (MALFORMED, NOT_FOUND, METHOD)}
        kind = kinds.get(error.status_code)
        if kind is None:
            phrase = HTTPStatus(error.status_code).phrase
            kind = ProblemType(phrase.lower().replace(" ", "-"), error.status_code, phrase)
        return respond(ProblemError(kind, headers=error.headers or {}))

    @app.exception_handler(SidecarUnavailable)
    async def _unavailable(_request: Request, error: SidecarUnavailable) -> JSONResponse:
        return respond(ProblemError(NOT_READY, str(error), headers={"Retry-After": "1"}))

    @app.exception_handler(MessageTooLarge)
    @app.exception_handler(StorageDamaged)
    async def _unreadable(_request: Request, error: Exception) -> JSONResponse:
        logger.error("a document can't be read: %s", error)
        # The text may name files.
        return respond(ProblemError(NOT_READY, _UNREADABLE, headers={"Retry-After": "30"}))

    @app.exception_handler(Exception)
    async def _internal(_request: Request, _error: Exception) -> JSONResponse:
        return respond(ProblemError(INTERNAL, "It has been logged. The request may have had its effect."))


def _from_validation(invalid: RequestValidationError) -> ProblemError:
    errors = invalid.errors()
    if any(error["type"] == "json_invalid" for error in errors):
        return ProblemError(MALFORMED, "The body could not be parsed as JSON.")
    return ProblemError(INVALID, errors=[_field_problem(error) for error in errors])


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    _place, *path = error["loc"]
    # The name of an unknown field is the client's: it is told, but not at any length.
    field = ".".join(str(part) for part in path) or "body"
    return FieldProblem(field=field[:_LONGEST_FIELD], detail=_explain(error))


def _explain(error: Mapping[str, Any]) -> str:
    pattern = error.get("ctx", {}).get("pattern")
    plain = _PLAIN.get(error["type"]) or _PLAIN_PATTERNS.get(pattern, "")
    return plain or str(error["msg"]).removeprefix("Value error, ")
