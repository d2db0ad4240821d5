"""The fold of one event into its learner's documents.

Deterministic, total, and tolerant of order: registers take the latest by (time, id), counters count an id once, bounded
sets keep the extremes of values that only move one way. So batches, redeliveries, duplicates and interleavings of
partitions change nothing of a learner in the end.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Final

from events.contracts import LessonAuthored, LessonRequested, ProgressUpdated
from events.envelope import RecordedEvent
from events.quantities import PPM
from events.times import EPOCH
from projector.concept_fold import add_pace, difference, figures_of, observe, pace_of, reveal
from projector.learner_growth import count_once, lesson_entry, show_lesson
from projector.workspace import Workspace
from read_models import keys
from read_models.documents import (
    ACHIEVEMENTS_KEPT,
    ConceptFigures,
    DayActivity,
    LearnerDocument,
    LessonEntry,
    LessonSummary,
    Position,
    Register,
    Totals,
)

_DAY_US: Final = 24 * 60 * 60 * 1_000_000


@dataclass(slots=True)
class Effect:
    """What an event changed of its learner.

    Attributes:
        totals: by how much each figure changed.
        concepts: by how much the figures of concepts changed; only of those that did.
    """

    totals: Totals
    concepts: list[tuple[str, ConceptFigures]] = field(default_factory=list)


def apply(
    workspace: Workspace,
    generation: int,
    event: RecordedEvent,
    at: LessonSummary | None,
    partition: int,
    position: Position,
) -> Effect | None:
    """Fold an event into its learner's documents.

    Args:
        workspace: with the learner's documents known.
        generation: whose documents these are.
        event: what happened.
        at: the summary of the lesson, for a request.
        partition: where the event is in the log.
        position: where in that partition.

    Returns:
        What it changed; `None` if the event had been counted before.
    """
    key = keys.learner(generation, event.data.learner_id)
    head = workspace.find(key, LearnerDocument)
    delta = Totals(events=1)
    effect = Effect(delta)
    if head is None:
        head = LearnerDocument(event.data.learner_id)
        workspace.put(key, head)
        delta.learners = 1
    if not count_once(workspace, generation, head, event.fingerprint):
        return None
    workspace.touch(key)
    _fold_entry(workspace, generation, head, event, at, effect)
    if isinstance(event.data, ProgressUpdated) and event.data.achievements:
        delta.achievements = _fold_achievements(head, event.data.achievements, event.time_us)
    if is_activity(event):
        _fold_day(head, event.time_us, delta.time_spent_ms)
        head.last_activity_us = max(head.last_activity_us, event.time_us)
    place = str(partition)
    seen = head.as_of.get(place)
    if seen is None or seen.offset < position.offset:
        head.as_of[place] = position
    head.totals.add(delta)
    return effect


def is_activity(event: RecordedEvent) -> bool:
    """Whether it is the learner who did something."""
    return not isinstance(event.data, LessonAuthored)


def _fold_entry(
    workspace: Workspace,
    generation: int,
    head: LearnerDocument,
    event: RecordedEvent,
    at: LessonSummary | None,
    effect: Effect,
) -> None:
    data, delta = event.data, effect.totals
    if not isinstance(data, ProgressUpdated | LessonRequested):
        return
    entry, is_new = lesson_entry(workspace, generation, head, data.lesson_id)
    delta.lessons_known = int(is_new)
    entry.last_activity_us = max(entry.last_activity_us, event.time_us)
    pace = pace_of(entry)
    figures = figures_of(entry) if entry.concepts else ConceptFigures()
    if isinstance(data, ProgressUpdated):
        _fold_progress(entry, event, data, delta)
        observe(head, entry, event, data)
    elif entry.summary is None:
        entry.summary = at
        delta.lessons_requested = 1
        reveal(head, entry, data.concepts)
    if entry.summary is not None:
        add_pace(delta, pace_of(entry), pace)
    if entry.concepts and (after := figures_of(entry)) != figures:
        effect.concepts = [(concept, difference(after, figures)) for concept in entry.concepts]
    show_lesson(workspace, generation, head, data.lesson_id, entry)


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
    date = _date(time_us // _DAY_US)
    day = head.days.get(date)
    if day is None:
        day = head.days[date] = DayActivity()
    day.events += 1
    day.time_spent_ms += time_spent_ms


@lru_cache(maxsize=8192)
def _date(days: int) -> str:
    """The day that begins so many days after 1970, as ISO 8601 writes it."""
    return (EPOCH + timedelta(days=days)).date().isoformat()
