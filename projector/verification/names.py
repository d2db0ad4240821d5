"""The documents of a generation by name. A store can't list keys, so the names are found by reading the log."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from events.contracts import LessonAuthored, LessonRequested
from events.identity import ID_PATTERN
from projector.items import Happened, Refused
from projector.verification.accounts import json_object
from read_models import keys

_ID: Final = re.compile(ID_PATTERN)


class Kind(StrEnum):
    """What a document of a generation is."""

    PARTITION = "partition"
    LEARNER = "learner"
    COUNTED = "learner-counted"
    LESSONS = "learner-lessons"
    LESSON = "lesson"
    AUTHORED = "authored"
    CATALOGUE = "catalogue"
    PARKED = "parked"
    PARKED_EVENT = "parked-event"


@dataclass(frozen=True, slots=True)
class DocumentName:
    """A document that a generation may have, under the same name in every generation.

    Attributes:
        kind: what it is.
        partition: of the log, whose records it was first met in.
        suffix: its key without the generation.
        offset: of the record by which it was first met; `None` where it belongs to no one record.
    """

    kind: Kind
    partition: int
    suffix: str
    offset: int | None = None

    @property
    def head(self) -> str:
        """The suffix of the learner's own document; the name's own for what belongs to no learner."""
        if self.kind in {Kind.COUNTED, Kind.LESSONS}:
            return self.suffix.rsplit("/", 2)[0]
        if self.kind is Kind.AUTHORED:
            return suffix_of(keys.learner(0, self.suffix.rpartition("/")[2]))
        return self.suffix


def key_of(generation: int, suffix: str) -> str:
    """The key under which a generation keeps the document of this suffix."""
    return f"g{generation}/{suffix}"


def suffix_of(key: str) -> str:
    """A key of a generation without the generation."""
    return key.partition("/")[2]


def partition_name(number: int) -> DocumentName:
    """The document of a partition."""
    return DocumentName(Kind.PARTITION, number, suffix_of(keys.partition(0, number)))


def catalogue_name(number: int, page: int) -> DocumentName:
    """A page of a partition's catalogue."""
    return DocumentName(Kind.CATALOGUE, number, suffix_of(keys.catalogue(0, number, page)))


def parked_name(number: int, index: int) -> DocumentName:
    """A parked value of a partition."""
    return DocumentName(Kind.PARKED, number, suffix_of(keys.parked(0, number, index)))


class Roll:
    """Calls every document once, as what is read tells of it.

    It keeps 64 bits of a hash for each learner, lesson and fingerprint, about 100 bytes in memory. Two names that share
    them would be taken for one: among ten million names with a chance of 1 in 370,000.

    Attributes:
        strays: suffixes of learners with events in several partitions, which only foreign producers bring about.
        stray_partitions: where their events are.
    """

    def __init__(self) -> None:
        self._met: dict[int, int] = {}
        self.strays: set[str] = set()
        self.stray_partitions: set[int] = set()

    def __len__(self) -> int:
        """How many names it remembers."""
        return len(self._met)

    def note(self, item: Happened | Refused) -> list[DocumentName]:
        """The names that a record tells of and that were not told before."""
        partition, offset = item.record.partition, item.record.offset
        if isinstance(item, Happened):
            data = item.event.data
            lesson = data.lesson_id if isinstance(data, LessonRequested | LessonAuthored) else None
            names = self._of_event(
                data.learner_id, lesson, partition, offset, authored=isinstance(data, LessonAuthored)
            )
            return self._new(names, strays=True)
        found = list(self._of_event(*_ids_in(item.record.value), partition, offset, authored=True))
        if item.rejection.fingerprint is not None:
            found.append(_parked_event(item.rejection.fingerprint, partition, offset))
        return self._new(iter(found), strays=False)

    def told_by(self, name: DocumentName, value: bytes) -> list[DocumentName]:
        """Further names that a stored document tells of and that were not told before.

        The document may be of another version of the folds, or damaged: what it does not tell is not found.
        """
        if name.kind is Kind.LEARNER:
            return self._split(name, json_object(value) or {})
        if name.kind is Kind.PARKED:
            document = json_object(value) or {}
            identity, offset = document.get("fingerprint"), document.get("offset")
            if isinstance(identity, str) and isinstance(offset, int):
                return self._new(iter([_parked_event(identity, name.partition, offset)]), strays=False)
        return []

    def _split(self, name: DocumentName, head: dict[str, Any]) -> list[DocumentName]:
        learner_id = name.suffix.partition("/")[2]
        found: list[DocumentName] = []
        for flag, kind, all_keys in (
            ("counted_split", Kind.COUNTED, keys.learner_counted_all),
            ("lessons_split", Kind.LESSONS, keys.learner_lessons_all),
        ):
            if head.get(flag) is True and self._is_new(f"{name.suffix}/{kind}", name.partition):
                found += [DocumentName(kind, name.partition, suffix_of(key)) for key in all_keys(0, learner_id)]
        return found

    def _of_event(
        self, learner_id: str | None, lesson_id: str | None, partition: int, offset: int, *, authored: bool
    ) -> Iterator[DocumentName]:
        if learner_id is not None:
            yield DocumentName(Kind.LEARNER, partition, suffix_of(keys.learner(0, learner_id)), offset)
        if lesson_id is not None:
            yield DocumentName(Kind.LESSON, partition, suffix_of(keys.lesson(0, lesson_id)), offset)
        if authored and learner_id is not None and lesson_id is not None:
            yield DocumentName(Kind.AUTHORED, partition, suffix_of(keys.authored(0, lesson_id, learner_id)), offset)

    def _new(self, names: Iterator[DocumentName], *, strays: bool) -> list[DocumentName]:
        found = []
        for name in names:
            if self._is_new(name.suffix, name.partition):
                found.append(name)
            elif strays and name.kind is Kind.LEARNER and self._met[hash(name.suffix)] != name.partition:
                self.strays.add(name.suffix)
                self.stray_partitions |= {name.partition, self._met[hash(name.suffix)]}
        return found

    def _is_new(self, text: str, partition: int) -> bool:
        short = hash(text)
        if short in self._met:
            return False
        self._met[short] = partition
        return True


def _parked_event(fingerprint: str, partition: int, offset: int) -> DocumentName:
    return DocumentName(Kind.PARKED_EVENT, partition, suffix_of(keys.parked_event(0, fingerprint)), offset)


def _ids_in(value: bytes) -> tuple[str | None, str | None]:
    """Learner and lesson that a refused value names: a generation of other folds may have taken it for an event."""
    data = (json_object(value) or {}).get("data")
    if not isinstance(data, dict):
        return None, None
    learner_id, lesson_id = (
        found if isinstance(found, str) and _ID.fullmatch(found) else None
        for found in (data.get("learner_id"), data.get("lesson_id"))
    )
    return learner_id, lesson_id
