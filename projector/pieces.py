"""How much of the log one transaction takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from projector.items import Decoder
from projector.needs import named_keys
from sidecar.records import LogRecord


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


def cut(records: Sequence[LogRecord], decoder: Decoder, limits: PieceLimits, most: int) -> list[LogRecord]:
    """The longest beginning of `records` within the limits and `most` records; at least one, if there is one."""
    documents: set[str] = set()
    size = 0
    for count, record in enumerate(records):
        documents.update(named_keys(0, decoder.item(record)))
        size += len(record.value)
        over = count >= most or len(documents) > limits.documents or size > limits.value_bytes
        if count and over:
            return list(records[:count])
    return list(records)
