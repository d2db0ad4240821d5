"""A stretch of a partition, decoded and cut into what one transaction can carry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.contracts import LessonRequested
from events.envelope import RecordedEvent, decode
from events.errors import EventRejected, Reason
from projector.learner_fold import head_key
from read_models import keys
from sidecar.records import LogRecord


@dataclass(frozen=True, slots=True)
class Happened:
    """An offset with an event."""

    record: LogRecord
    event: RecordedEvent


@dataclass(frozen=True, slots=True)
class Refused:
    """An offset whose value can't be folded."""

    record: LogRecord
    rejection: EventRejected


@dataclass(frozen=True, slots=True)
class Missing:
    """Offsets that the log confirms to have no record.

    Attributes:
        first: the first of them.
        last: the last of them.
    """

    first: int
    last: int


Item = Happened | Refused | Missing


@dataclass(frozen=True, slots=True)
class PieceLimits:
    """What one transaction may carry; more is cut, and cut again where the sidecar still refuses.

    Attributes:
        records: of the log.
        documents: distinct ones that the records name.
        value_bytes: of all records' values together.
    """

    records: int = 500
    documents: int = 600
    value_bytes: int = 1024 * 1024


class Decoder:
    """Decodes records once, however often a piece is tried again."""

    def __init__(self) -> None:
        self._items: dict[int, Happened | Refused] = {}

    def item(self, record: LogRecord) -> Happened | Refused:
        """What a record of this batch's partition holds."""
        item = self._items.get(record.offset)
        if item is None:
            item = self._items[record.offset] = _decode(record)
        return item

    def refuse(self, offset: int, reason: Reason, detail: str) -> None:
        """Have a record that was decoded before parked from now on."""
        item = self._items[offset]
        fingerprint = item.event.fingerprint if isinstance(item, Happened) else item.rejection.fingerprint
        self._items[offset] = Refused(item.record, EventRejected(reason, detail[:500], fingerprint=fingerprint))


def _decode(record: LogRecord) -> Happened | Refused:
    try:
        return Happened(record, decode(record.value))
    except EventRejected as rejection:
        return Refused(record, rejection)


def item_keys(generation: int, item: Item) -> Iterable[str]:
    """The documents that an item names by itself."""
    match item:
        case Happened(event=event):
            yield head_key(generation, event)
            if isinstance(event.data, LessonRequested):
                yield keys.lesson(generation, event.data.lesson_id)
        case Refused(rejection=rejection) if rejection.fingerprint is not None:
            yield keys.parked_event(generation, rejection.fingerprint)
        case _:
            pass


def cut(records: Sequence[LogRecord], decoder: Decoder, limits: PieceLimits, most: int) -> list[LogRecord]:
    """The longest beginning of `records` that stays within the limits and `most` records, at least one."""
    documents: set[str] = set()
    size = 0
    for count, record in enumerate(records):
        documents.update(item_keys(0, decoder.item(record)))
        size += len(record.value)
        over = count >= most or len(documents) > limits.documents or size > limits.value_bytes
        if count and over:
            return list(records[:count])
    return list(records)
