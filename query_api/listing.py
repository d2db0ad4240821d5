"""Lists of lessons, newest first: the partitions' catalogues, merged from their ends.

The order is (log time, partition, offset), latest first. A request reads a bounded number of pages; where a filter lets
little through, it answers with what it found and a cursor.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from query_api.cursor import Cursor
from query_api.projections import Projections, Snapshot
from read_models import keys
from read_models.documents import CATALOGUE_PAGE, CatalogueEntry, CataloguePage, LearnerDocument
from sidecar.halving import in_halves
from web.problems import STALE_CURSOR, ProblemError

MAX_PAGES: Final = 40


@dataclass(frozen=True, slots=True)
class LessonFilter:
    """Which lessons a list is of; `None` lets all through.

    Attributes:
        learner_id: whose.
        topic: compared without regard to case and extra space.
        level: exactly.
    """

    learner_id: str | None = None
    topic: str | None = None
    level: str | None = None

    def passes(self, entry: CatalogueEntry) -> bool:
        """Whether the list is to show the entry."""
        return (
            (self.learner_id is None or entry.learner_id == self.learner_id)
            and (self.level is None or entry.summary.level == self.level)
            and (self.topic is None or _folded(entry.summary.topic) == _folded(self.topic))
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Attributes:
        entries: the lessons, newest first.
        next_cursor: where the next page begins, if there may be one.
    """

    entries: list[CatalogueEntry]
    next_cursor: str | None


@dataclass(slots=True)
class _Tail:
    """The end of a partition's catalogue that is still to be listed.

    Attributes:
        length: entries not yet read.
        waiting: entries read that pass the filter, in catalogue order.
    """

    length: int
    waiting: deque[CatalogueEntry] = field(default_factory=deque)

    def ready(self) -> bool:
        return bool(self.waiting) or self.length == 0

    def position(self) -> int:
        return self.waiting[-1].summary.index + 1 if self.waiting else self.length


def begin(cursor: str | None, wanted: LessonFilter, snapshot: Snapshot, lengths: Mapping[int, int]) -> dict[int, int]:
    """Where a list begins: at the cursor, or at the end of every catalogue.

    Raises:
        ProblemError: the cursor is not one of this list, or of a generation that no longer serves.
    """
    if cursor is None:
        return dict(lengths)
    read = Cursor.decode(cursor, wanted)
    if read.generation != snapshot.generation:
        raise ProblemError(STALE_CURSOR)
    return {number: min(read.positions.get(number, 0), length) for number, length in lengths.items()}


def list_document(
    document: LearnerDocument, wanted: LessonFilter, generation: int, positions: Mapping[int, int], limit: int
) -> Page:
    """A page of the lessons of a learner whose document holds them all."""
    tails = {number: _Tail(0) for number in positions}
    entries = [
        CatalogueEntry(lesson_id, document.learner_id, entry.summary)
        for lesson_id, entry in document.lessons.items()
        if entry.summary is not None
    ]
    for entry in sorted(entries, key=lambda one: one.summary.index):
        number = entry.summary.partition
        if entry.summary.index < positions.get(number, 0) and wanted.passes(entry):
            tails[number].waiting.append(entry)
    found: list[CatalogueEntry] = []
    _take(tails, found, limit)
    return _page(found, tails, wanted, generation)


async def list_catalogues(
    projections: Projections, wanted: LessonFilter, generation: int, positions: Mapping[int, int], limit: int
) -> Page:
    """A page of the lessons of these partitions' catalogues.

    Raises:
        ProblemError: another generation took over meanwhile.
        SidecarError: the state store does not answer.
    """
    tails = {number: _Tail(length) for number, length in positions.items()}
    found: list[CatalogueEntry] = []
    budget = max(MAX_PAGES, len(tails))  # at least a page of each, or nothing could ever be listed
    _take(tails, found, limit)
    while len(found) < limit:
        empty = [number for number, tail in tails.items() if not tail.ready()]
        if not empty or len(empty) > budget:
            break
        budget -= len(empty)
        await _fill(projections, wanted, generation, {number: tails[number] for number in empty})
        _take(tails, found, limit)
    return _page(found, tails, wanted, generation)


async def _fill(projections: Projections, wanted: LessonFilter, generation: int, tails: Mapping[int, _Tail]) -> None:
    """Read the last page of every tail; in halves where they are too much for one message."""

    async def fill(numbers: Sequence[int]) -> None:
        await _fill_at_once(projections, wanted, generation, {number: tails[number] for number in numbers})

    await in_halves(list(tails), fill)


async def _fill_at_once(
    projections: Projections, wanted: LessonFilter, generation: int, tails: Mapping[int, _Tail]
) -> None:
    pages = {number: (tail.length - 1) // CATALOGUE_PAGE for number, tail in tails.items()}
    snapshot = await projections.read(
        lambda current, _: [keys.catalogue(current, number, page) for number, page in pages.items()]
    )
    if snapshot.generation != generation:
        raise ProblemError(STALE_CURSOR)
    for number, page in pages.items():
        document = snapshot.find(keys.catalogue(generation, number, page), CataloguePage) or CataloguePage()
        tail = tails[number]
        # What was appended since the list began stays out: it would come before the first page.
        listed = document.entries[: tail.length - page * CATALOGUE_PAGE]
        tail.waiting.extend(entry for entry in listed if entry is not None and wanted.passes(entry))
        tail.length = page * CATALOGUE_PAGE


def _take(tails: Mapping[int, _Tail], found: list[CatalogueEntry], limit: int) -> None:
    """Move the newest entries to `found`, as long as it is known which of all is the newest."""
    while len(found) < limit and all(tail.ready() for tail in tails.values()):
        candidates = [tail for tail in tails.values() if tail.waiting]
        if not candidates:
            return
        found.append(max(candidates, key=_newest).waiting.pop())


def _newest(tail: _Tail) -> tuple[int, int, int]:
    summary = tail.waiting[-1].summary
    return summary.position.appended_at_ms, summary.partition, summary.position.offset


def _page(found: list[CatalogueEntry], tails: Mapping[int, _Tail], wanted: LessonFilter, generation: int) -> Page:
    positions = {number: tail.position() for number, tail in tails.items() if tail.position() > 0}
    return Page(found, Cursor(generation, positions).encode(wanted) if positions else None)


def _folded(topic: str) -> str:
    return " ".join(topic.split()).casefold()
