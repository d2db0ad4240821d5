"""What two sound generations may differ in, and where: the order of things that came late or from several partitions.

A parked event that was folded late stands at the end of its partition's catalogue, and not at its place. Of a learner
whom foreign producers put into several partitions the one folded first has each event. Only sums are promised there.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from projector.verification.accounts import json_object
from projector.verification.json_paths import Change
from projector.verification.names import DocumentName, Kind, Roll
from projector.verification.pairs import Pair

SPLIT: Final = frozenset({"applied", "duplicate", "totals", "concepts", "catalogue", "last_activity_us"})
"""Members of a partition's document that depend on which partition had a stray's event first."""
OF_LATE: Final = frozenset({"parkings", "retried"})
"""Members of a partition's document that tell of events folded late."""


def is_order_only(name: DocumentName, change: Change) -> bool:
    """Whether a change is one that order may bring about, in a partition or learner where order is not promised."""
    return _is_index(name, change) or _is_place(name, change)


class Looseness:
    """Where order is not promised."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll
        self.late: set[int] = set()

    def note(self, pair: Pair) -> None:
        """Note the partitions in which events were folded late, on either side."""
        for side in (pair.old, pair.new):
            self.late |= {number for number, accounts in side.accounts.items() if accounts.retried > 0}

    @property
    def catalogues(self) -> set[int]:
        """Partitions whose catalogues may be in another order."""
        return self.late | self._roll.stray_partitions

    @property
    def strays(self) -> set[int]:
        """Partitions that share a learner, or more."""
        return self._roll.stray_partitions

    def is_stray(self, suffix: str) -> bool:
        """Whether this is the document of a learner in several partitions."""
        return suffix in self._roll.strays

    def remaining(self, name: DocumentName, changes: Sequence[Change]) -> list[Change]:
        """The changes that order does not explain; final once the log was read to its end."""
        return [change for change in changes if not self._explains(name, change)]

    def _explains(self, name: DocumentName, change: Change) -> bool:
        if _is_index(name, change):
            return name.partition in (self.late if name.kind is Kind.PARKED_EVENT else self.catalogues)
        if _is_place(name, change):
            return self.is_stray(name.head)
        return name.kind is Kind.PARTITION and name.partition in self.late and change.path[0] in OF_LATE


def same_sums(pair: Pair, partitions: Collection[str]) -> bool:
    """Whether the documents of these partitions (by suffix) add up to the same on both sides."""
    return _pooled(pair.old.values, partitions) == _pooled(pair.new.values, partitions)


def _pooled(values: Mapping[str, bytes], partitions: Collection[str]) -> dict[str, int]:
    pooled: dict[str, int] = {}
    for suffix in partitions:
        document: dict[str, Any] = json_object(values.get(suffix)) or {}
        figures = {name: document.get(name, 0) for name in ("applied", "duplicate", "catalogue")}
        totals = document.get("totals")
        figures |= {f"totals.{name}": figure for name, figure in totals.items()} if isinstance(totals, dict) else {}
        concepts = document.get("concepts")
        for concept, one in concepts.items() if isinstance(concepts, dict) else ():
            figures |= {f"concepts.{concept}.{name}": figure for name, figure in one.items()}
        for name, figure in figures.items():
            if isinstance(figure, int):
                pooled[name] = pooled.get(name, 0) + figure
        last = document.get("last_activity_us", 0)
        if isinstance(last, int):
            pooled["last_activity_us"] = max(last, pooled.get("last_activity_us", 0))
    # A figure that is 0 may be left out.
    return {name: figure for name, figure in pooled.items() if figure}


def _is_index(name: DocumentName, change: Change) -> bool:
    if name.kind is Kind.PARKED_EVENT:
        return change.path == ("index",)
    return name.kind in {Kind.LEARNER, Kind.LESSONS} and change.path[-2:] == ("summary", "index")


def _is_place(name: DocumentName, change: Change) -> bool:
    if name.kind not in {Kind.LEARNER, Kind.LESSONS, Kind.COUNTED}:
        return False
    path = change.path
    return path[0] == "as_of" or path[-2:] == ("summary", "partition") or path[-3:-1] == ("summary", "position")
