"""Entries and parked values compared as sets, where their order is not promised."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from projector.verification.accounts import json_object
from projector.verification.json_paths import ONLY_IN_NEW, ONLY_IN_OLD, Change, changes
from projector.verification.looseness import Looseness
from projector.verification.names import DocumentName, Kind
from projector.verification.pairs import Pair

_DIGEST_BYTES: Final = 16

_Waiting = dict[bytes, tuple[DocumentName, ...]]
"""By digest, the documents of the elements that the other side has not; one for each, in the order of reading."""


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

    @property
    def digest(self) -> bytes:
        """What stands for the content."""
        return hashlib.blake2b(self.content, digest_size=_DIGEST_BYTES).digest()


class Pool:
    """What one side has and the other has not, yet; as digests, about 250 bytes in memory for an element.

    As long as both are read side by side these are few. What in the end one side alone has is a difference: then the
    documents that hold such elements, `unmatched`, are to be read again for `look_again`.
    """

    def __init__(self, cuts: Mapping[int, int], looseness: Looseness) -> None:
        """Begin with nothing read.

        Args:
            cuts: by partition the last offset that both sides account for; elements of later ones are left alone.
            looseness: tells which learners are strays.
        """
        self._cuts = cuts
        self._looseness = looseness
        self._waiting: tuple[_Waiting, _Waiting] = ({}, {})
        self._odd: tuple[dict[str, _Element], dict[str, _Element]] = ({}, {})
        self._names: dict[DocumentName, Sequence[Change]] = {}

    def add(self, name: DocumentName, pair: Pair) -> None:
        """Take a document of both sides."""
        old, new = pair.old.values.get(name.suffix), pair.new.values.get(name.suffix)
        if old is None and new is None:
            return
        self._names.setdefault(name, ())
        for number, value in enumerate((old, new)):
            if value is None:
                continue
            elements = self._elements(name, value)
            if elements is None:
                self._names[name] = (*self._names[name], *changes(old, new))
                continue
            for element in elements:
                self._match(number, name, element.digest)

    @property
    def names(self) -> Sequence[DocumentName]:
        """The documents taken that there are, in their order."""
        return list(self._names)

    @property
    def differs(self) -> bool:
        """Whether anything is not the same on both sides."""
        return any(self._waiting) or any(self._names.values())

    @property
    def unmatched(self) -> Sequence[DocumentName]:
        """Documents with elements that the other side has not, as far as `look_again` has not found them again."""
        waiting = {name for side in self._waiting for names in side.values() for name in names}
        return [name for name in self._names if name in waiting]

    def look_again(self, name: DocumentName, pair: Pair) -> None:
        """Take the elements of a document that were unmatched, in full; nothing else of it counts any more."""
        for number, side in enumerate((pair.old, pair.new)):
            value = side.values.get(name.suffix)
            for element in [] if value is None else self._elements(name, value) or []:
                if self._drop(number, name, element.digest):
                    # Of several with one identity the last counts.
                    self._odd[number][element.identity] = element

    def differences(self) -> dict[DocumentName, list[Change]]:
        """All documents taken, and the places in which each differs."""
        found = {name: list(of_name) for name, of_name in self._names.items()}
        old, new = self._odd
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

    def _match(self, number: int, name: DocumentName, digest: bytes) -> None:
        mine, theirs = self._waiting[number], self._waiting[1 - number]
        if others := theirs.pop(digest, ()):
            if others[:-1]:
                theirs[digest] = others[:-1]
        else:
            mine[digest] = (*mine.get(digest, ()), name)

    def _drop(self, number: int, name: DocumentName, digest: bytes) -> bool:
        """Whether an element of this document was unmatched; it is not any more."""
        mine = self._waiting[number]
        names = mine.get(digest, ())
        if name not in names:
            return False
        index = names.index(name)
        left = (*names[:index], *names[index + 1 :])
        if left:
            mine[digest] = left
        else:
            del mine[digest]
        return True

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
