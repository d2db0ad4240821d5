"""The document of a partition, read without knowing the version of the folds that wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from read_models.documents import PartitionDocument, Position


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the document of a partition says; a count that it leaves out is 0. See `PartitionDocument`.

    Attributes:
        as_of: `None` where it says nothing of it, or nothing that makes sense.
        totals: every figure of the platform's share, by name.
    """

    partition: int
    log_start: int
    checkpoint: int
    applied: int
    duplicate: int
    parked: int
    missing: int
    catalogue: int
    parkings: int
    retried: int
    seal: str
    as_of: Position | None
    totals: Mapping[str, int]

    @property
    def accounted(self) -> int:
        """Offsets that have a place in the accounts."""
        return self.applied + self.duplicate + self.parked + self.missing

    def document(self) -> PartitionDocument:
        """As much of the document as telling its log apart needs."""
        return PartitionDocument(self.partition, self.log_start, self.checkpoint, self.as_of, self.seal)


def readable_accounts(partition: int, value: bytes | None) -> Accounts | None:
    """The accounts in the document of a partition; `None` where there is none, or no checkpoint can be read from it."""
    document = json_object(value)
    if document is None or not all(_is_count(document.get(name)) for name in ("log_start", "checkpoint")):
        return None
    seal, totals = document.get("seal"), document.get("totals")
    return Accounts(
        partition=partition,
        log_start=document["log_start"],
        checkpoint=document["checkpoint"],
        applied=_count(document, "applied"),
        duplicate=_count(document, "duplicate"),
        parked=_count(document, "parked"),
        missing=_count(document, "missing"),
        catalogue=_count(document, "catalogue"),
        parkings=_count(document, "parkings"),
        retried=_count(document, "retried"),
        seal=seal if isinstance(seal, str) else "",
        as_of=position_of(document.get("as_of")),
        totals={name: figure for name, figure in totals.items() if _is_count(figure)}
        if isinstance(totals, dict)
        else {},
    )


def json_object(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object of these bytes; `None` for anything else."""
    if value is None:
        return None
    try:
        document = msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def position_of(found: Any) -> Position | None:
    """The position that a part of a document says; `None` where it says none."""
    if not isinstance(found, dict) or not _is_count(found.get("offset")) or not _is_count(found.get("appended_at_ms")):
        return None
    return Position(found["offset"], found["appended_at_ms"])


def seen_of(head: Mapping[str, Any] | None) -> dict[int, int] | None:
    """By partition the offset of the last event in a learner's document; `None` where that can't be read."""
    if head is None:
        return None
    as_of = head.get("as_of")
    if not isinstance(as_of, dict) or not as_of:
        return None
    seen: dict[int, int] = {}
    for number, found in as_of.items():
        position = position_of(found)
        if position is None or not number.isascii() or not number.isdecimal():
            return None
        seen[int(number)] = position.offset
    return seen


def _is_count(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool)


def _count(document: Mapping[str, Any], name: str) -> int:
    found = document.get(name, 0)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0
