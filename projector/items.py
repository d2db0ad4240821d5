"""What the offsets of a partition hold: an event, a value that can't be folded, or nothing."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from events.envelope import RecordedEvent, decode
from events.errors import EventRejected, Reason
from sidecar.records import LogRecord

logger = logging.getLogger(__name__)

FUTURE_TOLERANCE: Final = timedelta(days=1)
"""How much later than the log took it an event may have occurred: far more than clocks differ, far less than a typo."""
_FUTURE_TOLERANCE_US: Final = FUTURE_TOLERANCE // timedelta(microseconds=1)
OUTSIZED: Final = "its documents exceed what the sidecar carries in one message"
"""Why a record is parked that can't be folded in any transaction."""


class Happened(NamedTuple):
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


def refused(item: Happened | Refused, reason: Reason, detail: str) -> Refused:
    """The item as one that is to be parked, for this reason."""
    fingerprint = item.event.fingerprint if isinstance(item, Happened) else item.rejection.fingerprint
    return Refused(item.record, EventRejected(reason, detail[:500], fingerprint=fingerprint))


class Decoder:
    """Decodes the records of one partition once, however often a piece is tried again."""

    def __init__(self) -> None:
        self._items: dict[int, Happened | Refused] = {}

    def item(self, record: LogRecord) -> Happened | Refused:
        """What a record holds."""
        item = self._items.get(record.offset)
        if item is None:
            item = self._items[record.offset] = decode_record(record)
        return item

    def refuse(self, offset: int, reason: Reason, detail: str) -> None:
        """Have a record that was decoded before parked from now on."""
        self._items[offset] = refused(self._items[offset], reason, detail)

    def forget(self, checkpoint: int) -> None:
        """Keep nothing of what is accounted for."""
        for offset in [offset for offset in self._items if offset <= checkpoint]:
            del self._items[offset]


def missing(partition: int, first: int, until: int) -> list[Item]:
    """The item for `first <= offset < until`, if there are any such; they are an alarm in the program's log.

    Only call it for offsets that the log itself has confirmed to have no record.
    """
    if first >= until:
        return []
    logger.error("partition %s: offsets %s to %s are missing from the log", partition, first, until - 1)
    return [Missing(first, until - 1)]


def items_between(
    partition: int,
    first: int,
    records: Iterable[LogRecord],
    until: int,
    item_of: Callable[[LogRecord], Happened | Refused],
) -> list[Item]:
    """What `first <= offset < until` hold, by a stretch of the log that was read completely; see `missing`."""
    items: list[Item] = []
    for record in records:
        if record.offset > first:
            items += missing(partition, first, record.offset)
        items.append(item_of(record))
        first = record.offset + 1
    return items + missing(partition, first, until)


def decode_record(record: LogRecord) -> Happened | Refused:
    """What a record holds. It never raises but for want of memory: what can't be decoded is `Refused`."""
    try:
        event = decode(record.value)
    except EventRejected as rejection:
        return Refused(record, rejection)
    except MemoryError:
        raise
    except Exception as fault:
        # A fault of ours must not stop a partition for ever: the value is kept, and can be retried once mended.
        logger.exception("decoding partition %s, offset %s raised", record.partition, record.offset)
        return Refused(record, EventRejected(Reason.INVALID_DATA, f"decoding raised {type(fault).__name__}"))
    if event.time_us > record.appended_at_ms * 1000 + _FUTURE_TOLERANCE_US:
        detail = "it occurred more than a day after the log took it"
        return Refused(record, EventRejected(Reason.FROM_THE_FUTURE, detail, fingerprint=event.fingerprint))
    return Happened(record, event)
