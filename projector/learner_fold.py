"""The fold of one event into its learner's documents.

Deterministic, total, and tolerant of order: registers take the latest by (time, id), counters count an id once, bounded
sets keep the extremes of values that only move one way. So batches, redeliveries, duplicates and interleavings of
partitions change nothing in the end.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta

from events.contracts import LessonRequested, ProgressUpdated
from events.envelope import EPOCH, RecordedEvent
from events.quantities import PPM
from projector.workspace import Workspace
from read_models import keys
from read_models.documents import (
    ACHIEVEMENTS_KEPT,
    COUNTED_INLINE,
    LESSONS_SHOWN,
    CountedDocument,
    DayActivity,
    LearnerDocument,
    LessonEntry,
    LessonsDocument,
    LessonSummary,
    Position,
    Register,
    Totals,
)


def head_key(generation: int, event: RecordedEvent) -> str:
    """The key of the learner's own document."""
    return keys.learner(generation, event.data.learner_id)


def split_keys(workspace: Workspace, generation: int, event: RecordedEvent) -> Iterator[str]:
    """The further documents that the event needs because its learner has outgrown one; the head must be known."""
    head = workspace.find(head_key(generation, event), LearnerDocument)
    if head is None:
        return
    if head.counted_split:
        yield keys.learner_counted(generation, head.learner_id, event.fingerprint)
    if head.lessons_split and isinstance(event.data, LessonRequested | ProgressUpdated):
        yield keys.learner_lessons(generation, head.learner_id, event.data.lesson_id)


def apply(
    workspace: Workspace,
    generation: int,
    event: RecordedEvent,
    at: LessonSummary | None,
    partition: int,
    position: Position,
) -> Totals | None:
    """Fold an event into its learner's documents.

    Args:
        workspace: with the learner's documents known.
        generation: whose documents these are.
        event: what happened.
        at: the summary of the lesson, for a request.
        partition: where the event is in the log.
        position: where in that partition.

    Returns:
        By how much each of the learner's figures changed; `None` if the event had been counted before.
    """
    key = head_key(generation, event)
    head = workspace.find(key, LearnerDocument)
    delta = Totals(events=1)
    if head is None:
        head = LearnerDocument(event.data.learner_id)
        workspace.put(key, head)
        delta.learners = 1
    if not _count(workspace, generation, head, event.fingerprint):
        return None
    workspace.touch(key)
    _fold_entry(workspace, generation, head, event, at, delta)
    if isinstance(event.data, ProgressUpdated):
        delta.achievements = _fold_achievements(head, event.data.achievements, event.time_us)
    _fold_day(head, event.time_us, delta.time_spent_ms)
    head.last_activity_us = max(head.last_activity_us, event.time_us)
    seen = head.as_of.get(str(partition))
    if seen is None or seen.offset < position.offset:
        head.as_of[str(partition)] = position
    add(head.totals, delta)
    return delta


def add(totals: Totals, delta: Totals) -> None:
    """Add every figure of `delta` to `totals`."""
    for name in Totals.__struct_fields__:
        change = getattr(delta, name)
        if change:
            setattr(totals, name, getattr(totals, name) + change)


def _count(workspace: Workspace, generation: int, head: LearnerDocument, fingerprint: str) -> bool:
    """Note the identity of an event; false if it was there."""
    if head.counted_split:
        key = keys.learner_counted(generation, head.learner_id, fingerprint)
        share = workspace.find(key, CountedDocument)
        if share is None:
            share = CountedDocument()
            workspace.put(key, share)
        workspace.touch(key)
        return _insert(share.counted, fingerprint)
    if not _insert(head.counted, fingerprint):
        return False
    if len(head.counted) > COUNTED_INLINE:
        shares: dict[str, CountedDocument] = {}
        for one in head.counted:
            share = shares.setdefault(keys.learner_counted(generation, head.learner_id, one), CountedDocument())
            share.counted.append(one)
        workspace.know_absent(keys.learner_counted_all(generation, head.learner_id))
        for key, share in shares.items():
            workspace.put(key, share)
        head.counted = []
        head.counted_split = True
    return True


def _insert(ordered: list[str], text: str) -> bool:
    place = bisect_left(ordered, text)
    if place < len(ordered) and ordered[place] == text:
        return False
    ordered.insert(place, text)
    return True


def _fold_entry(
    workspace: Workspace,
    generation: int,
    head: LearnerDocument,
    event: RecordedEvent,
    at: LessonSummary | None,
    delta: Totals,
) -> None:
    data = event.data
    if not isinstance(data, LessonRequested | ProgressUpdated):
        return
    share = _share_of(workspace, generation, head, data.lesson_id)
    entries = head.lessons if share is None else share.lessons
    entry = entries.get(data.lesson_id)
    if entry is None:
        entry = entries[data.lesson_id] = LessonEntry()
        delta.lessons_known = 1
    entry.last_activity_us = max(entry.last_activity_us, event.time_us)
    if isinstance(data, ProgressUpdated):
        _fold_progress(entry, event, data, delta)
    elif entry.summary is None:
        entry.summary = at
        delta.lessons_requested = 1
    head.lessons[data.lesson_id] = entry
    if len(head.lessons) > LESSONS_SHOWN:
        if not head.lessons_split:
            _split_lessons(workspace, generation, head)
        # Last activity only grows, so a lesson that leaves can only come back by an event of its own.
        oldest = min(head.lessons, key=lambda lesson_id: (head.lessons[lesson_id].last_activity_us, lesson_id))
        del head.lessons[oldest]


def _share_of(workspace: Workspace, generation: int, head: LearnerDocument, lesson_id: str) -> LessonsDocument | None:
    if not head.lessons_split:
        return None
    key = keys.learner_lessons(generation, head.learner_id, lesson_id)
    share = workspace.find(key, LessonsDocument)
    if share is None:
        share = LessonsDocument()
        workspace.put(key, share)
    workspace.touch(key)
    return share


def _split_lessons(workspace: Workspace, generation: int, head: LearnerDocument) -> None:
    shares: dict[str, LessonsDocument] = {}
    for lesson_id, entry in head.lessons.items():
        share = shares.setdefault(keys.learner_lessons(generation, head.learner_id, lesson_id), LessonsDocument())
        share.lessons[lesson_id] = entry
    workspace.know_absent(keys.learner_lessons_all(generation, head.learner_id))
    for key, share in shares.items():
        workspace.put(key, share)
    head.lessons_split = True


def _fold_progress(entry: LessonEntry, event: RecordedEvent, data: ProgressUpdated, delta: Totals) -> None:
    entry.completion = _later(entry.completion, Register(event.time_us, event.event_id, data.completion_ppm))
    if data.score_ppm is not None:
        before = entry.score
        entry.score = _later(before, Register(event.time_us, event.event_id, data.score_ppm))
        delta.lessons_scored = 1 if before is None else 0
        delta.score_sum_ppm = entry.score.value - (0 if before is None else before.value)
    if data.completion_ppm == PPM:
        if entry.completed_at_us is None:
            delta.lessons_completed = 1
            entry.completed_at_us = event.time_us
        entry.completed_at_us = min(entry.completed_at_us, event.time_us)
    if entry.reports == 0:
        delta.lessons_started = 1
    entry.reports += 1
    entry.time_spent_ms += data.time_spent_ms
    delta.time_spent_ms = data.time_spent_ms


def _later(before: Register | None, now: Register) -> Register:
    return now if before is None else max(before, now)


def _fold_achievements(head: LearnerDocument, names: tuple[str, ...], time_us: int) -> int:
    """Keep the achievements earned first; returns by how many there are more."""
    before = len(head.achievements)
    for name in names:
        head.achievements[name] = min(time_us, head.achievements.get(name, time_us))
    while len(head.achievements) > ACHIEVEMENTS_KEPT:
        # Times only move to the past, so what leaves here would have left in any order.
        del head.achievements[max(head.achievements, key=lambda name: (head.achievements[name], name))]
    return len(head.achievements) - before


def _fold_day(head: LearnerDocument, time_us: int, time_spent_ms: int) -> None:
    date = (EPOCH + timedelta(microseconds=time_us)).date().isoformat()
    day = head.days.get(date)
    if day is None:
        day = head.days[date] = DayActivity()
    day.events += 1
    day.time_spent_ms += time_spent_ms
