"""Errors of the events room.

EventError
├── EventRejected          one value of the log is not an event we can fold
├── EventTooLarge          an event is larger than the log may hold
├── IncompleteUpcasters    the chain of upcasters has a hole (found when it is loaded)
├── BreakingSchemaChange   a contract changed in a way that old events would not survive
└── InvalidToken           a consistency token that we did not make
"""

from enum import StrEnum


class EventError(Exception):
    """Base of all errors of this room."""


class Reason(StrEnum):
    """Why a value of the log could not be taken as an event; stable, for people and programs."""

    NOT_JSON = "not-json"
    NOT_A_CLOUDEVENT = "not-a-cloudevent"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_VERSION = "unknown-version"
    INVALID_DATA = "invalid-data"
    WRONG_SUBJECT = "wrong-subject"
    WRONG_LESSON_ID = "wrong-lesson-id"
    TOO_LARGE = "too-large"
    FROM_THE_FUTURE = "from-the-future"
    UPCAST_FAILED = "upcast-failed"
    FOLD_FAILED = "fold-failed"


class EventRejected(EventError):
    """A value that is not an event we can fold: it is parked with this reason, never dropped.

    Attributes:
        reason: one of `Reason`.
        detail: what exactly is wrong, in a sentence without the value itself.
        fingerprint: the identity of the event (see `events.identity.fingerprint`), where it could still be read.
    """

    def __init__(self, reason: Reason, detail: str, *, fingerprint: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.fingerprint = fingerprint


class EventTooLarge(EventError):
    """An encoded event of more than `limit` bytes."""

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(f"the event has {size} bytes, at most {limit} are allowed")
        self.size = size
        self.limit = limit


class IncompleteUpcasters(EventError):
    """Steps that are missing from, or make no sense in, a chain of upcasters."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class BreakingSchemaChange(EventError):
    """A contract no longer accepts, or no longer understands, events that were valid under the committed schema."""

    def __init__(self, contract: str, changes: tuple[str, ...]) -> None:
        super().__init__(
            f"{contract} changed incompatibly ({'; '.join(changes)}): add a new version, and an upcaster from the old"
        )
        self.contract = contract
        self.changes = changes


class InvalidToken(EventError):
    """A consistency token that is damaged or was not made by this system."""
