"""Events as CloudEvents 1.0 in structured JSON: the exact bytes of the log, in and out.

An event is built, and its attributes checked, by the `cloudevents` package. The package's JSON writer would triple the
size of most scripts by escaping them; its reader fills a missing `time` with the clock (a replay would fold another
value), accepts NaN, and raises whatever the parser raises. A test holds what we write to what the package reads.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, TypeVar

from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from events.contracts import CONTRACTS, EventData, LessonRequested
from events.errors import EventRejected, EventTooLarge, Reason
from events.identity import ID_PATTERN, fingerprint, lesson_id_for
from events.times import SinceEpoch, UsualMoment, to_microseconds, usual_microseconds
from events.upcasting import UPCASTERS, UpcasterChain

MAX_EVENT_BYTES: Final = 256 * 1024
"""What an event may have when it is written."""
MAX_RECORD_BYTES: Final = 1024 * 1024
"""What it may have when it is read: on its way a sidecar may escape characters that were written plainly."""
_TYPE: Final = re.compile(r"io\.learnflow\.([A-Za-z]+)\.v([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """What is said about an event besides its data.

    Attributes:
        event_id: unique within `source`.
        source: who recorded it, a URI-reference.
        time: when it occurred (not when it was recorded); aware.
        traceparent: W3C Trace Context of the request that caused it.
        correlation_id: groups all that one flow of work caused.
        causation_id: the event that directly caused this one, if an event did.
    """

    event_id: str
    source: str
    time: datetime
    traceparent: str
    correlation_id: str
    causation_id: str | None = None


class RecordedEvent(NamedTuple):
    """An event read from the log, its data in the current version.

    Attributes:
        event_id: unique within `source`.
        source: who recorded it.
        fingerprint: short identity, see `events.identity.fingerprint`.
        time_us: when it occurred, in microseconds since 1970 (UTC).
        data: the contract.
    """

    event_id: str
    source: str
    fingerprint: str
    time_us: int
    data: EventData


D = TypeVar("D", EventData, dict[str, Any])
M = TypeVar("M", datetime, str)


class _Envelope(BaseModel, Generic[D, M]):
    """CloudEvents 1.0.2 in JSON, as far as a fold relies on it; other attributes may be there."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(min_length=1, max_length=500)]
    type: str
    subject: Annotated[str, Field(pattern=ID_PATTERN)]
    time: M
    data: D


_AnyEnvelope = _Envelope[dict[str, Any], SinceEpoch]
_CURRENT: Final[tuple[tuple[bytes, str, type[_Envelope[Any, str]]], ...]] = tuple(
    (f'"type":"{contract.cloudevent_type()}"'.encode(), contract.cloudevent_type(), _Envelope[contract, UsualMoment])  # type: ignore[valid-type] # a class for each contract
    for contract in CONTRACTS
)


def encode(metadata: EventMetadata, data: EventData) -> bytes:
    """The event as the log holds it.

    Both `traceparent` and `traceid` are written because a sidecar replaces the first where the second is absent.

    Raises:
        EventTooLarge: over `MAX_EVENT_BYTES`.
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": metadata.event_id,
        "source": metadata.source,
        "type": data.cloudevent_type(),
        "subject": data.learner_id,
        "time": metadata.time.astimezone(UTC),
        "datacontenttype": "application/json",
        "dataschema": data.dataschema(),
        "partitionkey": data.learner_id,
        "traceparent": metadata.traceparent,
        "traceid": metadata.traceparent,
        "correlationid": metadata.correlation_id,
    }
    if metadata.causation_id is not None:
        attributes["causationid"] = metadata.causation_id
    event = CloudEvent(attributes, data.model_dump(mode="json"))
    value = to_json({**event.get_attributes(), "data": event.get_data()})
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(size=len(value), limit=MAX_EVENT_BYTES)
    return value


def decode(
    value: bytes,
    *,
    upcasters: UpcasterChain = UPCASTERS,
    contracts: tuple[type[EventData], ...] = CONTRACTS,
) -> RecordedEvent:
    """The event that a value of the log holds, its data brought to the current version.

    The same bytes always give the same event: nothing is taken from the clock or the surroundings.

    Raises:
        EventRejected: for anything else, with the reason.
    """
    if len(value) > MAX_RECORD_BYTES:
        raise EventRejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_RECORD_BYTES} are an event")
    if contracts is CONTRACTS and upcasters is UPCASTERS:
        event = _decode_current(value)
        if event is not None:
            return event
    try:
        envelope = _AnyEnvelope.model_validate_json(value)
    except ValidationError as invalid:
        raise _unreadable(value, invalid) from None
    identity = fingerprint(envelope.source, envelope.id)
    match = _TYPE.fullmatch(envelope.type)
    if match is None or not upcasters.knows(match[1]):
        raise EventRejected(Reason.UNKNOWN_TYPE, f"no contract for type {envelope.type[:200]!r}", fingerprint=identity)
    name, version = match[1], int(match[2])
    if version > upcasters.current_version(name):
        detail = f"{name} v{version} is newer than v{upcasters.current_version(name)}, the newest known here"
        raise EventRejected(Reason.UNKNOWN_VERSION, detail, fingerprint=identity)
    return RecordedEvent(
        event_id=envelope.id,
        source=envelope.source,
        fingerprint=identity,
        time_us=to_microseconds(envelope.time),
        data=_current_data(envelope, name, version, identity, upcasters, contracts),
    )


def _decode_current(value: bytes) -> RecordedEvent | None:
    """The event, if it is a faultless one of a current version, in one pass over the bytes instead of two.

    Nearly all are. Of the others `None` says nothing: what they are, or why they are none, is found out at leisure.
    """
    for marker, cloudevent_type, envelope_of in _CURRENT:
        if marker in value:
            try:
                envelope = envelope_of.model_validate_json(value)
                time_us = usual_microseconds(envelope.time)
            except ValueError:  # which a ValidationError is
                return None
            if envelope.type != cloudevent_type or _fault_of(envelope, envelope.data) is not None:
                return None
            return RecordedEvent(
                event_id=envelope.id,
                source=envelope.source,
                fingerprint=fingerprint(envelope.source, envelope.id),
                time_us=time_us,
                data=envelope.data,
            )
    return None


def _fault_of(envelope: _Envelope[Any, Any], data: EventData) -> tuple[Reason, str] | None:
    """What is wrong between an envelope and its data, each of which is right by itself."""
    if data.learner_id != envelope.subject:
        return Reason.WRONG_SUBJECT, "subject is not the learner of the data"
    if isinstance(data, LessonRequested) and data.lesson_id != lesson_id_for(
        source=envelope.source, event_id=envelope.id, learner_id=data.learner_id
    ):
        return Reason.WRONG_LESSON_ID, "lesson_id is not the one that this event (source, id, learner) gives"
    return None


def _current_data(
    envelope: _Envelope[dict[str, Any], datetime],
    name: str,
    version: int,
    identity: str,
    upcasters: UpcasterChain,
    contracts: tuple[type[EventData], ...],
) -> EventData:
    contract = next(contract for contract in contracts if name == contract.NAME)
    try:
        current = upcasters.upcast(name, version, envelope.data)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as failure:
        detail = f"{name} v{version} could not be upcast: {type(failure).__name__}: {failure}"
        raise EventRejected(Reason.UPCAST_FAILED, detail[:500], fingerprint=identity) from failure
    try:
        data = contract.model_validate(current)
    except ValidationError as invalid:
        raise EventRejected(
            Reason.INVALID_DATA, f"{name} v{version}: {_explain(invalid)}", fingerprint=identity
        ) from None
    fault = _fault_of(envelope, data)
    if fault is not None:
        raise EventRejected(*fault, fingerprint=identity)
    return data


def _unreadable(value: bytes, invalid: ValidationError) -> EventRejected:
    if any(error["type"] == "json_invalid" for error in invalid.errors(include_url=False, include_input=False)):
        return EventRejected(Reason.NOT_JSON, _explain(invalid))
    return EventRejected(Reason.NOT_A_CLOUDEVENT, _explain(invalid), fingerprint=_identity_of(from_json(value)))


def _identity_of(content: Any) -> str | None:
    match content:
        case {"source": str(source), "id": str(event_id)}:
            return fingerprint(source, event_id)
        case _:
            return None


def _explain(invalid: ValidationError) -> str:
    """The first faults, by field and without the values: those may be anybody's data."""
    errors = invalid.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'.'.join(str(part) for part in error['loc']) or 'value'}: {error['msg']}" for error in errors[:3]]
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""  # noqa: PLR2004 - the three that are shown
    return "; ".join(shown)[:500] + more
