"""From an accepted command to an event in the log, and to the headers of the answer that says so."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response

from command_api.commands import Command, canonical
from command_api.publisher import Publisher, QueueFull
from events.consistency import ConsistencyToken
from events.contracts import EventData
from events.envelope import EventMetadata, encode
from events.errors import EventTooLarge
from events.identity import (
    ID_PATTERN,
    IDEMPOTENCY_KEY_PATTERN,
    event_id_for_key,
    fingerprint,
    new_event_id,
    retry_key,
)
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from sidecar.records import NewRecord
from web.problems import (
    INTERNAL,
    INVALID,
    MALFORMED,
    MEDIA,
    NOT_CONFIRMED,
    NOT_RECORDED,
    QUEUE_FULL,
    TOO_LARGE,
    TOO_SLOW,
    FieldProblem,
    ProblemError,
    responses,
)
from web.tracing import continue_trace

RETRY_AFTER: Final = {"Retry-After": "1"}

_ACCEPTED_HEADERS: Final[dict[str, Any]] = {
    "Location": {"description": "Where to read the outcome.", "schema": {"type": "string"}},
    "Consistency-Token": {
        "description": "Send it with a GET (and `Prefer: wait=N`) for an answer that includes this event.",
        "schema": {"type": "string"},
    },
}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {"headers": _ACCEPTED_HEADERS},
    **responses(MALFORMED, INVALID, MEDIA, TOO_SLOW, TOO_LARGE, QUEUE_FULL, NOT_RECORDED, NOT_CONFIRMED, INTERNAL),
}
"""What every POST may answer."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the headers of a POST say about it.

    Attributes:
        idempotency_key: under which a repeat counts once, if the client sent one.
        traceparent: the caller's, or a new one.
        correlation_id: the caller's, if there is one.
        received_at: by our clock.
    """

    idempotency_key: str | None
    traceparent: str
    correlation_id: str | None
    received_at: datetime


async def request_context(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=IDEMPOTENCY_KEY_PATTERN,
            description="A request repeated with the same key and body is recorded once, however often it is sent.",
        ),
    ] = None,
    x_correlation_id: Annotated[
        str | None,
        Header(alias="X-Correlation-Id", pattern=ID_PATTERN, description="Carried on as the event's `correlationid`."),
    ] = None,
    traceparent: Annotated[str | None, Header(description="W3C Trace Context, carried on by the event.")] = None,
) -> RequestContext:
    """Read the headers of a POST.

    Raises:
        ProblemError: there are two idempotency keys; under either alone, the client might count its command twice.
    """
    if len(request.headers.getlist("Idempotency-Key")) > 1:
        raise ProblemError(INVALID, errors=[FieldProblem(field="Idempotency-Key", detail="must be sent once")])
    return RequestContext(idempotency_key, continue_trace(traceparent), x_correlation_id, datetime.now(UTC))


Context = Annotated[RequestContext, Depends(request_context)]


def identify(context: RequestContext, command: Command, contract: type[EventData]) -> str:
    """The id under which a command is recorded: the same for every repeat with its key (UUIDv5), else new (UUIDv7)."""
    if context.idempotency_key is None:
        return new_event_id()
    return event_id_for_key(
        event_type=contract.cloudevent_type(),
        learner_id=command.learner_id,
        key=context.idempotency_key,
        command=canonical(command),
    )


async def record(
    publisher: Publisher, context: RequestContext, command: Command, metadata: EventMetadata, data: EventData
) -> None:
    """Append the event; on return the log has it.

    Raises:
        ProblemError: it has not, or it is not known whether it has; the problem says which.
    """
    try:
        await publisher.publish(NewRecord(data.learner_id, encode(metadata, data)))
    except QueueFull as full:
        raise ProblemError(QUEUE_FULL, f"{full}.", headers=RETRY_AFTER) from full
    except AppendRefused as refused:
        raise ProblemError(NOT_RECORDED, refused.detail, headers=RETRY_AFTER) from refused
    except (EventTooLarge, MessageTooLarge) as large:
        raise ProblemError(TOO_LARGE, f"Nothing was recorded: {large}.") from large
    except AppendUnconfirmed as unconfirmed:
        key = context.idempotency_key or retry_key(
            event_id=metadata.event_id,
            event_type=data.cloudevent_type(),
            learner_id=data.learner_id,
            command=canonical(command),
        )
        detail = "Repeat the request with this Idempotency-Key: however often it arrives, it counts once."
        raise ProblemError(
            NOT_CONFIRMED,
            detail,
            extensions={"idempotency_key": key},
            headers={**RETRY_AFTER, "Idempotency-Key": key},
        ) from unconfirmed


def metadata_of(context: RequestContext, *, event_id: str, source: str, occurred_at: datetime) -> EventMetadata:
    """What is said about the event besides its data; one without a correlation begins its own."""
    return EventMetadata(
        event_id=event_id,
        source=source,
        time=occurred_at,
        traceparent=context.traceparent,
        correlation_id=context.correlation_id or event_id,
    )


def accept(response: Response, *, location: str, learner_id: str, source: str, event_id: str) -> None:
    """Say in the headers where to read the outcome, and by which token to wait for it."""
    response.headers["Location"] = location
    response.headers["Consistency-Token"] = ConsistencyToken(learner_id, fingerprint(source, event_id)).encode()
