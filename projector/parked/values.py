"""A parked value: where in the log it is, what is known of it, and its bytes."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from typing_extensions import override

from projector.parked.errors import InvalidPosition, ValueGone
from read_models.control import DecisionDocument
from read_models.documents import ParkedDocument
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord

_POSITION: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """A place in the log, written `partition:offset`."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position that a text names; `str` gives the text back.

        Raises:
            InvalidPosition: it is not written that way.
        """
        match = _POSITION.fullmatch(text)
        if match is None:
            raise InvalidPosition(text)
        return cls(int(match[1]), int(match[2]))

    @override
    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class ParkedValue:
    """A value that is parked in a generation.

    Attributes:
        generation: whose document it is.
        index: of that document, within its partition.
        document: what is kept of it.
        decision: that it is never to be folded; `None` where nobody decided so of this very value.
    """

    generation: int
    index: int
    document: ParkedDocument
    decision: DecisionDocument | None

    @property
    def position(self) -> LogPosition:
        """Where in the log it is."""
        return LogPosition(self.document.partition, self.document.offset)


def decided(document: ParkedDocument, decision: DecisionDocument | None) -> DecisionDocument | None:
    """The decision, if it is about this very value and not about what another log once held at its position."""
    return decision if decision is not None and decision.sha256 == document.sha256 else None


async def record_of(log: LogReader, document: ParkedDocument) -> LogRecord:
    """The record that was parked, its value being the exact bytes of the log.

    Raises:
        ValueGone: they were left to the log, which does not have them any more.
        SidecarError: they were left to the log, and it does not answer.
    """
    partition, offset = document.partition, document.offset
    if document.value is not None:
        return LogRecord(partition, offset, document.key, base64.b64decode(document.value), document.appended_at_ms)
    found = await log.read(partition, offset, offset + 1, max_records=1, max_bytes=1)
    for record in found.records:
        if hashlib.sha256(record.value).hexdigest() == document.sha256:
            return record
    raise ValueGone(partition=partition, offset=offset)
