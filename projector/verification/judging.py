"""One pair of documents: the same, different, or not to be compared as they are."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from projector.verification.accounts import json_object, seen_of
from projector.verification.json_paths import Change, changes
from projector.verification.looseness import SPLIT, Looseness, same_sums
from projector.verification.names import DocumentName, Kind, partition_name
from projector.verification.pairs import Pair


class Verdict(Enum):
    """What can be said of a pair without its changes."""

    ABSENT = "absent"
    """Neither side has the document."""
    LATER = "later"
    """One side is ahead in what the document depends on."""


class Judge:
    """Judges pairs of documents.

    A pair is comparable when both reflect the same offsets of the log. Where the partitions' checkpoints, read in the
    same moment, are the same it is. A learner's documents are as well where the side that is ahead has no event of that
    learner behind the other's checkpoint.

    Attributes:
        all_read: whether the log was read to its end, so that every learner in several partitions is known.
    """

    def __init__(self, looseness: Looseness, *, exact: bool) -> None:
        """Make a judge.

        Args:
            looseness: where order is not promised.
            exact: whether both sides of every pair are as of the same offsets.
        """
        self._looseness = looseness
        self._exact = exact
        self.all_read = False

    def judge(self, name: DocumentName, pair: Pair) -> Sequence[Change] | Verdict:
        """Where the documents of a pair differ; nothing if they are the same, or differ only as they may.

        While not `all_read`, changes that order may bring about are returned with the others, and `looseness.remaining`
        tells later which of them count.
        """
        old, new = pair.old.values.get(name.suffix), pair.new.values.get(name.suffix)
        if old == new:
            return Verdict.ABSENT if old is None else ()
        if name.kind is Kind.PARTITION:
            return self._judge_partition(name, pair)
        if name.kind is Kind.CATALOGUE:
            return self._judge_page(name, pair)
        if not self._is_comparable(name, pair):
            return Verdict.LATER
        found = changes(old, new)
        return self._looseness.remaining(name, found) if self.all_read else found

    def _is_comparable(self, name: DocumentName, pair: Pair) -> bool:
        match name.kind:
            case Kind.LEARNER | Kind.COUNTED | Kind.LESSONS | Kind.AUTHORED:
                return self._reflect_the_same_of_learner(name, pair)
            case Kind.PARKED_EVENT:
                return self._is_level(pair, _partitions_of_note(name, pair))
            case _:
                return self._would_be_there(name, pair)

    def _reflect_the_same_of_learner(self, name: DocumentName, pair: Pair) -> bool:
        old, new = (side.values.get(name.head) for side in (pair.old, pair.new))
        seen_old, seen_new = ({} if head is None else seen_of(json_object(head)) for head in (old, new))
        if seen_old is None or seen_new is None:
            return self._is_level(pair, {name.partition})
        return all(
            self._is_level(pair, {number}) or _is_quiet(pair, number, seen_old.get(number), seen_new.get(number))
            for number in {name.partition} | seen_old.keys() | seen_new.keys()
        )

    def _would_be_there(self, name: DocumentName, pair: Pair) -> bool:
        """Whether a document that is written once would be there on both sides."""
        old, new = pair.old.values.get(name.suffix), pair.new.values.get(name.suffix)
        if old is not None and new is not None:
            return True
        offset = name.offset
        if name.kind is Kind.PARKED:
            offset = (json_object(old if new is None else new) or {}).get("offset")
        reached = (pair.old if old is None else pair.new).checkpoint(name.partition)
        if reached is None or not isinstance(offset, int):
            return self._is_level(pair, {name.partition})
        return offset <= reached or self._is_level(pair, {name.partition})

    def _is_level(self, pair: Pair, partitions: set[int]) -> bool:
        for number in partitions:
            old, new = pair.old.checkpoint(number), pair.new.checkpoint(number)
            if old is None or new is None or (old != new and not self._exact):
                return False
        return True

    def _judge_page(self, name: DocumentName, pair: Pair) -> Sequence[Change] | Verdict:
        old, new = pair.old.values.get(name.suffix), pair.new.values.get(name.suffix)
        found = changes(old, new)
        entries_old, entries_new = _entries(old), _entries(new)
        if self._is_level(pair, {name.partition}) or entries_old is None or entries_new is None:
            return found
        both = min(len(entries_old), len(entries_new))
        if entries_old[:both] != entries_new[:both]:
            return found
        old_is_behind = _is_behind(pair, name.partition)
        if old_is_behind is None or len(entries_old) == len(entries_new):
            return Verdict.LATER if old_is_behind is None else found
        # The side that is behind may have fewer; its page is the beginning of the other's.
        return () if old_is_behind == (len(entries_old) < len(entries_new)) else found

    def _judge_partition(self, name: DocumentName, pair: Pair) -> Sequence[Change] | Verdict:
        found = changes(pair.old.values.get(name.suffix), pair.new.values.get(name.suffix))
        if name.partition not in pair.old.accounts or name.partition not in pair.new.accounts:
            return found
        if not self._is_level(pair, {name.partition}):
            return Verdict.LATER
        remaining = self._looseness.remaining(name, found)
        strays = self._looseness.strays
        if name.partition not in strays or any(change.path[0] not in SPLIT for change in remaining):
            return remaining
        if not self._is_level(pair, strays):
            return Verdict.LATER
        return () if same_sums(pair, [partition_name(number).suffix for number in strays]) else remaining


def _is_behind(pair: Pair, partition: int) -> bool | None:
    old, new = pair.old.checkpoint(partition), pair.new.checkpoint(partition)
    return None if old is None or new is None else old < new


def _is_quiet(pair: Pair, partition: int, seen_old: int | None, seen_new: int | None) -> bool:
    """Whether the side that is ahead has nothing of a learner behind the other's checkpoint."""
    old, new = pair.old.checkpoint(partition), pair.new.checkpoint(partition)
    if old is None or new is None:
        return False
    ahead = seen_new if old < new else seen_old
    return ahead is None or ahead <= min(old, new)


def _partitions_of_note(name: DocumentName, pair: Pair) -> set[int]:
    notes = [json_object(side.values.get(name.suffix)) or {} for side in (pair.old, pair.new)]
    named = {note.get("partition") for note in notes}
    known = pair.old.accounts.keys() | pair.new.accounts.keys()
    return {name.partition} | {one for one in named if isinstance(one, int) and one in known}


def _entries(value: bytes | None) -> list[Any] | None:
    if value is None:
        return []
    entries = (json_object(value) or {}).get("entries")
    return entries if isinstance(entries, list) else None
