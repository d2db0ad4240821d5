"""What a comparison found: counts, hashes, the first differences in full, and where all of them are."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from projector.verification.acceptance import Acceptance, options_for
from projector.verification.json_paths import ONLY_IN_NEW, ONLY_IN_OLD, Change
from projector.verification.names import DocumentName, Kind

CHANGES_SHOWN: Final = 20
"""Of one document."""
_MODULUS: Final = 1 << 256

OnHash = Callable[[str, str], None]
"""Is told the suffix and the SHA-256 (hexadecimal) of the value of every document of one side."""


@dataclass(frozen=True, slots=True)
class KindCounts:
    """Documents of a kind.

    Attributes:
        same: on both sides.
        different: on both sides, and not the same.
        only_in_old: missing in the new one.
        only_in_new: missing in the old one.
        unsettled: changed by traffic whenever they were read, so that they were never seen as of the same moment.
    """

    same: int = 0
    different: int = 0
    only_in_old: int = 0
    only_in_new: int = 0
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that differs.

    Attributes:
        kind: of the document.
        suffix: its key without the generation.
        changes: where, the first `CHANGES_SHOWN` places.
        left_out: how many more there are.
        accepted: whether all of them are accepted.
    """

    kind: Kind
    suffix: str
    changes: tuple[Change, ...]
    left_out: int
    accepted: bool

    @property
    def lines(self) -> list[str]:
        """A line a place, for people: `learner/ada  totals.time_spent_ms: 1000 → 2000`."""
        shown = [f"{self.suffix}  {one.text}: {one.old} → {one.new}" for one in self.changes]
        return [*shown, *([f"{self.suffix}  and {self.left_out} more places"] if self.left_out else [])]


@dataclass(frozen=True, slots=True)
class PathCount:
    """A place where documents of a kind differ.

    Attributes:
        path: with `*` for ids, dates and indices.
        documents: how many differ there.
        example: the suffix of the first of them.
        accepted: of these, how many have only accepted differences there.
    """

    kind: Kind
    path: str
    documents: int
    example: str
    accepted: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        old: what was compared, for people: `generation 1`.
        new: what it was compared with.
        counts: by kind.
        differences: the first ones, in the order in which they were found.
        paths: all places, by kind and path.
        rejected: documents with a difference that is not accepted.
        accepted: documents whose differences are all accepted.
        old_sha256: over all documents compared, in whatever order: the sum, modulo 2^256, of the SHA-256 of each
            document's suffix, a zero byte, and its value. The same on both sides if all are the same bytes.
        new_sha256: of the other side.
        unequal_sums: figures of which the partitions' share and the learners' do not add up to the same in the fresh
            fold; empty where none was made.
    """

    old: str
    new: str
    counts: Mapping[Kind, KindCounts]
    differences: Sequence[Difference]
    paths: Sequence[PathCount]
    rejected: int
    accepted: int
    old_sha256: str
    new_sha256: str
    unequal_sums: Sequence[str] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs but what is accepted."""
        return self.rejected == 0 and not self.unequal_sums

    @property
    def documents(self) -> int:
        """How many documents there are, on either side."""
        return sum(
            one.same + one.different + one.only_in_old + one.only_in_new + one.unsettled for one in self.counts.values()
        )

    @property
    def unsettled(self) -> int:
        """How many documents traffic kept from being compared."""
        return sum(one.unsettled for one in self.counts.values())

    @property
    def accepting(self) -> str:
        """The options of `learnflow verify` that would accept everything found that is not accepted; may be empty."""
        return options_for([(one.kind, one.path) for one in self.paths if one.accepted < one.documents])


@dataclass(frozen=True, slots=True)
class Hashed:
    """What is kept of the bytes of a document until they may be counted in.

    Attributes:
        suffix: of the document.
        sums: what either side adds to the sum of hashes.
        told: the SHA-256 of the side that is told of, if there is such a document.
    """

    suffix: str
    sums: tuple[int, int]
    told: bytes | None


class Findings:
    """Collects what a comparison finds."""

    def __init__(
        self, *, keep: int, acceptance: Acceptance, on_hash: OnHash | None = None, hash_new: bool = False
    ) -> None:
        """Begin with nothing found.

        Args:
            keep: differences to keep in full; of all others only the places are counted.
            acceptance: which differences are no fault.
            on_hash: is told of every document of a side.
            hash_new: whether that is the new side; else the old one.
        """
        self._hash_new = hash_new
        self._keep = keep
        self._acceptance = acceptance
        self._on_hash = on_hash
        self._counts: dict[Kind, dict[str, int]] = {}
        self._differences: list[Difference] = []
        self._paths: dict[tuple[Kind, str], list[int]] = {}
        self._examples: dict[tuple[Kind, str], str] = {}
        self._rejected = self._accepted = 0
        self._sums = [0, 0]

    def seen(self, suffix: str, old: bytes | None, new: bytes | None) -> None:
        """Take the bytes of a document into the hashes; call it once a document."""
        self.count_in(self.hashed(suffix, old, new))

    def hashed(self, suffix: str, old: bytes | None, new: bytes | None) -> Hashed:
        """What `count_in` needs of a document, so that its bytes need not be kept until then."""
        told = (new if self._hash_new else old) if self._on_hash is not None else None
        return Hashed(
            suffix,
            (_summand(suffix, old), _summand(suffix, new)),
            None if told is None else hashlib.sha256(told).digest(),
        )

    def count_in(self, hashed: Hashed) -> None:
        """Take a document into the hashes; call it once a document."""
        for side, summand in enumerate(hashed.sums):
            self._sums[side] = (self._sums[side] + summand) % _MODULUS
        if hashed.told is not None and self._on_hash is not None:
            self._on_hash(hashed.suffix, hashed.told.hex())

    def same(self, name: DocumentName) -> None:
        """A document is the same on both sides."""
        self._count(name.kind, "same")

    def unsettled(self, name: DocumentName) -> None:
        """A document was never seen as of one moment on both sides."""
        self._count(name.kind, "unsettled")

    def different(self, name: DocumentName, changes: Sequence[Change]) -> None:
        """A document differs in these places, one at least."""
        paths = {change.path for change in changes}
        if paths == {(ONLY_IN_OLD,)}:
            self._count(name.kind, "only_in_old")
        elif paths == {(ONLY_IN_NEW,)}:
            self._count(name.kind, "only_in_new")
        else:
            self._count(name.kind, "different")
        covered: dict[str, bool] = {}
        for change in changes:
            general = change.general
            covered[general] = covered.get(general, True) and self._acceptance.covers(name.kind, change)
        for general, is_accepted in covered.items():
            place = (name.kind, general)
            count = self._paths.setdefault(place, [0, 0])
            count[0] += 1
            count[1] += is_accepted
            self._examples.setdefault(place, name.suffix)
        accepted = all(covered.values())
        self._accepted += accepted
        self._rejected += not accepted
        if len(self._differences) < self._keep:
            shown = tuple(changes[:CHANGES_SHOWN])
            left_out = len(changes) - len(shown)
            self._differences.append(Difference(name.kind, name.suffix, shown, left_out, accepted))

    def result(self, old: str, new: str) -> Comparison:
        """What was found until now."""
        return Comparison(
            old=old,
            new=new,
            counts={kind: KindCounts(**self._counts.get(kind, {})) for kind in Kind},
            differences=tuple(self._differences),
            paths=tuple(
                PathCount(kind, path, documents, self._examples[kind, path], accepted)
                for (kind, path), (documents, accepted) in sorted(self._paths.items())
            ),
            rejected=self._rejected,
            accepted=self._accepted,
            old_sha256=f"{self._sums[0]:064x}",
            new_sha256=f"{self._sums[1]:064x}",
        )

    def _count(self, kind: Kind, what: str) -> None:
        counts = self._counts.setdefault(kind, {})
        counts[what] = counts.get(what, 0) + 1


def _summand(suffix: str, value: bytes | None) -> int:
    return 0 if value is None else int.from_bytes(hashlib.sha256(suffix.encode() + b"\0" + value).digest())
