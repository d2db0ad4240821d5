"""The fold of a piece of one partition: every offset gets its effect and its place in the accounts."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from events.contracts import LessonAuthored, LessonRequested
from events.envelope import RecordedEvent
from projector import learner_fold
from projector.concept_fold import add_figures
from projector.errors import AccountsBroken, FoldFault
from projector.items import Happened, Item, Refused
from projector.workspace import UnknownKey, Workspace
from read_models import keys
from read_models.codec import UnreadableDocument
from read_models.documents import (
    CATALOGUE_PAGE,
    AuthoredDocument,
    CatalogueEntry,
    CataloguePage,
    ElementDocument,
    LessonDocument,
    LessonSummary,
    ParkedDocument,
    ParkedEventDocument,
    PartitionDocument,
    Position,
)
from read_models.seals import seal

FOLD_VERSION: Final = "2"
"""Names what the folds make of the log: another version, another generation."""
PARKED_INLINE_BYTES: Final = 1024 * 1024
"""A larger value is not kept a second time; its parked document tells where in the log it is."""


def fold(workspace: Workspace, generation: int, partition: int, items: Iterable[Item]) -> PartitionDocument:
    """Fold items, which follow the partition's checkpoint without a gap, into the workspace.

    Returns:
        The partition's accounts after it.

    Raises:
        FoldFault: a fold raised; the workspace is of no use any more.
        AccountsBroken: the partition has no document.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    accounts = _touched_accounts(workspace, generation, partition)
    last = None
    for item in items:
        if isinstance(item, Happened):
            _apply_or_blame(workspace, generation, accounts, item)
        elif isinstance(item, Refused):
            _park(workspace, generation, accounts, item)
        else:
            accounts.missing += item.last - item.first + 1
            accounts.checkpoint = item.last
            continue
        last = item.record
        accounts.checkpoint = last.offset
    if last is not None:
        accounts.as_of = Position(last.offset, last.appended_at_ms)
        accounts.seal = seal(last.offset, last.appended_at_ms, last.value)
    return accounts


def fold_late(workspace: Workspace, generation: int, partition: int, items: Iterable[Happened]) -> list[bool]:
    """Fold events that were parked, of offsets which the partition's checkpoint has passed, into the workspace.

    The learners' documents come out as if each had been folded in its turn. A lesson is listed at the end of the
    catalogue, where entries are never moved. Checkpoint, seal and `as_of` of the partition stay as they are. The
    documents that tell of the parking are the caller's to remove.

    Returns:
        For each whether it changed a document; the others had been counted before.

    Raises:
        FoldFault: a fold raised; the workspace is of no use any more.
        AccountsBroken: the partition has no document.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    accounts = _touched_accounts(workspace, generation, partition)
    changed: list[bool] = []
    for item in items:
        before = accounts.applied
        _apply_or_blame(workspace, generation, accounts, item)
        accounts.parked -= 1
        accounts.retried += 1
        changed.append(accounts.applied > before)
    return changed


def _touched_accounts(workspace: Workspace, generation: int, partition: int) -> PartitionDocument:
    partition_key = keys.partition(generation, partition)
    accounts = workspace.find(partition_key, PartitionDocument)
    if accounts is None:
        raise AccountsBroken(partition_key)
    workspace.touch(partition_key)
    return accounts


def _apply_or_blame(workspace: Workspace, generation: int, accounts: PartitionDocument, item: Happened) -> None:
    try:
        _apply(workspace, generation, accounts, item)
    except (UnreadableDocument, UnknownKey, MemoryError):
        raise  # no fault of the event: it must come again, not be parked
    except Exception as cause:
        raise FoldFault(offset=item.record.offset, cause=cause) from cause


def _apply(workspace: Workspace, generation: int, accounts: PartitionDocument, item: Happened) -> None:
    event, record = item.event, item.record
    position = Position(record.offset, record.appended_at_ms)
    asked = event.data if isinstance(event.data, LessonRequested) else None
    summary = None if asked is None else _summary(asked, event.time_us, accounts, position)
    effect = learner_fold.apply(workspace, generation, event, summary, accounts.partition, position)
    if effect is None:
        accounts.duplicate += 1
        return
    accounts.applied += 1
    if learner_fold.is_activity(event):
        accounts.last_activity_us = max(accounts.last_activity_us, event.time_us)
    accounts.totals.add(effect.totals)
    add_figures(accounts.concepts, effect.concepts)
    if isinstance(event.data, LessonAuthored):
        _file_authored(workspace, generation, event, event.data)
    if asked is not None and summary is not None:
        _file_lesson(workspace, generation, asked, event.time_us)
        _list_lesson(workspace, generation, accounts, CatalogueEntry(asked.lesson_id, asked.learner_id, summary))


def _summary(data: LessonRequested, time_us: int, accounts: PartitionDocument, position: Position) -> LessonSummary:
    return LessonSummary(
        topic=data.topic,
        title=data.title,
        level=data.level.value,
        duration_minutes=data.duration_minutes,
        requested_at_us=time_us,
        partition=accounts.partition,
        position=position,
        index=accounts.catalogue,
    )


def _file_lesson(workspace: Workspace, generation: int, data: LessonRequested, time_us: int) -> None:
    lesson = LessonDocument(
        lesson_id=data.lesson_id,
        learner_id=data.learner_id,
        topic=data.topic,
        title=data.title,
        level=data.level.value,
        duration_minutes=data.duration_minutes,
        objectives=list(data.objectives),
        elements=[
            ElementDocument(one.kind, one.title, one.minutes, one.content, one.concept, one.why)
            for one in data.elements
        ],
        composer=data.composer,
        requested_at_us=time_us,
        concepts=list(data.concepts),
        packs=list(data.packs),
        standing=data.standing.value,
        suggestions=list(data.suggestions),
    )
    workspace.put(keys.lesson(generation, data.lesson_id), lesson)


def _file_authored(workspace: Workspace, generation: int, event: RecordedEvent, data: LessonAuthored) -> None:
    """Keep what was written last, whether the lesson is known or not: no order of the two is assumed."""
    key = keys.authored(generation, data.lesson_id, data.learner_id)
    parts = {str(part.element): part.content for part in data.parts}
    written = AuthoredDocument(event.time_us, event.event_id, data.author, parts)
    before = workspace.find(key, AuthoredDocument)
    if before is None or _rank(before) < _rank(written):
        workspace.put(key, written)


def _rank(written: AuthoredDocument) -> tuple[int, str, str, list[tuple[str, str]]]:
    # All of it takes part: two sources may use one id at one time.
    return (written.time_us, written.event_id, written.author, sorted(written.parts.items()))


def _list_lesson(workspace: Workspace, generation: int, accounts: PartitionDocument, entry: CatalogueEntry) -> None:
    number, place = divmod(accounts.catalogue, CATALOGUE_PAGE)
    key = keys.catalogue(generation, accounts.partition, number)
    if place == 0:
        workspace.know_absent([key])
    page = workspace.find(key, CataloguePage)
    if page is None:
        page = CataloguePage()
        workspace.put(key, page)
    page.entries.append(entry)
    workspace.touch(key)
    accounts.catalogue += 1


def _park(workspace: Workspace, generation: int, accounts: PartitionDocument, item: Refused) -> None:
    record, rejection = item.record, item.rejection
    parked = ParkedDocument(
        partition=record.partition,
        offset=record.offset,
        appended_at_ms=record.appended_at_ms,
        key=record.key,
        reason=rejection.reason.value,
        detail=rejection.detail,
        size=len(record.value),
        sha256=hashlib.sha256(record.value).hexdigest(),
        value=base64.b64encode(record.value).decode() if len(record.value) <= PARKED_INLINE_BYTES else None,
        fingerprint=rejection.fingerprint,
    )
    key = keys.parked(generation, accounts.partition, accounts.parkings)
    workspace.know_absent([key])
    workspace.put(key, parked)
    if rejection.fingerprint is not None:
        note = ParkedEventDocument(accounts.partition, accounts.parkings, parked.reason, parked.detail)
        note_key = keys.parked_event(generation, rejection.fingerprint)
        other = workspace.find(note_key, ParkedEventDocument)
        # Of several the least counts, whichever partition was folded first.
        if other is None or (note.partition, note.index) < (other.partition, other.index):
            workspace.put(note_key, note)
    accounts.parkings += 1
    accounts.parked += 1
