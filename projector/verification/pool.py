"""Entries and parked values compared as sets, where their order is not promised."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from projector.verification.accounts import json_object
from projector.verification.json_paths import ONLY_IN_NEW, ONLY_IN_OLD, Change, changes
from projector.verification.looseness import Looseness
from projector.verification.names import DocumentName, Kind
from projector.verification.pairs import Pair


@dataclass(frozen=True, slots=True)
class _Element:
    """An entry of a catalogue, or a parked value.

    Attributes:
        name: of the document that it is in.
        identity: by which the other side's is found.
        content: what must be the same.
    """

    name: DocumentName
    identity: str
    content: bytes


class Pool:
    """What one side has and the other has not, yet. As long as both are read side by side it stays small."""

    def __init__(self, cuts: Mapping[int, int], looseness: Looseness) -> None:
        """Begin with nothing read.

        Args:
            cuts: by partition the last offset that both sides account for; elements of later ones are left alone.
            looseness: tells which learners are strays.
        """
        self._cuts = cuts
        self._looseness = looseness
        self._waiting: tuple[dict[bytes, list[_Element]], dict[bytes, list[_Element]]] = ({}, {})
        self.names: dict[DocumentName, list[Change]] = {}

    def add(self, name: DocumentName, pair: Pair) -> None:
        """Take a document of both sides."""
        old, new = pair.old.values.get(name.suffix), pair.new.values.get(name.suffix)
        if old is None and new is None:
            return
        self.names.setdefault(name, [])
        for number, value in enumerate((old, new)):
            if value is None:
                continue
            elements = self._elements(name, value)
            if elements is None:
                self.names[name] += changes(old, new)
                continue
            for element in elements:
                self._match(number, element)

    def differences(self) -> dict[DocumentName, list[Change]]:
        """All documents read, and the places in which each differs."""
        found = {name: list(of_name) for name, of_name in self.names.items()}
        old, new = (
            {element.identity: element for elements in side.values() for element in elements} for side in self._waiting
        )
        for identity in sorted(old.keys() | new.keys()):
            before, after = old.get(identity), new.get(identity)
            if before is not None and after is not None:
                inner = changes(before.content, after.content)
                found[before.name] += [Change(_path(before, *one.path), one.old, one.new) for one in inner]
            elif before is not None:
                found[before.name].append(Change(_path(before, ONLY_IN_OLD), before.identity, "(absent)"))
            elif after is not None:
                found[after.name].append(Change(_path(after, ONLY_IN_NEW), "(absent)", after.identity))
        return found

    def _match(self, number: int, element: _Element) -> None:
        mine, theirs = self._waiting[number], self._waiting[1 - number]
        other = theirs.get(element.content)
        if not other:
            mine.setdefault(element.content, []).append(element)
            return
        other.pop()
        if not other:
            del theirs[element.content]

    def _elements(self, name: DocumentName, value: bytes) -> Sequence[_Element] | None:
        document = json_object(value)
        if document is None:
            return None
        if name.kind is Kind.PARKED:
            offset = document.get("offset")
            identity = f"offset {offset}" if isinstance(offset, int) else name.suffix
            return [_Element(name, identity, _text(document))] if self._reached(name.partition, offset) else []
        entries = document.get("entries")
        return list(self._entries(name, entries)) if isinstance(entries, list) else None

    def _entries(self, name: DocumentName, entries: Sequence[Any]) -> Iterator[_Element]:
        for index, entry in enumerate(entries):
            summary = entry.get("summary") if isinstance(entry, dict) else None
            if not isinstance(summary, dict):
                yield _Element(name, f"{name.suffix}/{index}", _text(entry))
                continue
            position = summary.get("position")
            offset = position.get("offset") if isinstance(position, dict) else None
            if not self._reached(summary.get("partition"), offset):
                continue
            left_out = {"index"}
            if self._looseness.is_stray(f"{Kind.LEARNER}/{entry.get('learner_id')}"):
                left_out |= {"partition", "position"}
            kept = {name: value for name, value in summary.items() if name not in left_out}
            yield _Element(name, str(entry.get("lesson_id")), _text({**entry, "summary": kept}))

    def _reached(self, partition: Any, offset: Any) -> bool:
        """Whether both sides must have an element; one that does not say where it is from is taken for such a one."""
        cut = self._cuts.get(partition) if isinstance(partition, int) else None
        return cut is None or not isinstance(offset, int) or offset <= cut


def _path(element: _Element, *rest: str) -> tuple[str, ...]:
    return rest if element.name.kind is Kind.PARKED else ("entries", element.identity, *rest)


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
