"""What a lesson says about the concepts it teaches. Tolerant of order, like all folds.

A result may be known before the lesson is: it waits in the lesson's entry. Everything kept is an extreme of a set that
only grows, or follows from a lesson's entry alone, so batches, duplicates and interleavings change nothing in the end.
"""

from bisect import insort
from collections.abc import Iterable, MutableMapping
from typing import TypeVar

from events.contracts import ProgressUpdated
from events.envelope import RecordedEvent
from events.quantities import PPM
from read_models.documents import (
    CONCEPTS_KEPT,
    OBSERVATIONS_KEPT,
    WEAK_SCORE_PPM,
    ConceptFigures,
    LearnerDocument,
    LessonEntry,
    Observation,
    Totals,
)

V = TypeVar("V")


def observe(head: LearnerDocument, entry: LessonEntry, event: RecordedEvent, data: ProgressUpdated) -> None:
    """Keep what a report says about the concepts of its lesson: a score, or that it was completed without one."""
    if data.score_ppm is None and data.completion_ppm != PPM:
        return
    one = Observation(event.time_us, event.event_id, data.score_ppm)
    if entry.summary is None:
        _keep(entry.waiting, one)
    else:
        _observe(head, entry.concepts, [one])


def reveal(head: LearnerDocument, entry: LessonEntry, concepts: Iterable[str]) -> None:
    """Note which concepts a lesson teaches, and count the results that were waiting for it."""
    entry.concepts = sorted(set(concepts))
    _observe(head, entry.concepts, entry.waiting)
    entry.waiting = []


def figures_of(entry: LessonEntry) -> ConceptFigures:
    """What a lesson that is known contributes to the figures of each of its concepts."""
    score = entry.score
    if score is None:
        return ConceptFigures(lessons=1)
    return ConceptFigures(lessons=1, scored=1, score_sum_ppm=score.value, weak=int(score.value < WEAK_SCORE_PPM))


def add_figures(known: dict[str, ConceptFigures], changes: Iterable[tuple[str, ConceptFigures]]) -> None:
    """Add changes, by concept, to the figures of a partition."""
    for concept, change in changes:
        known.setdefault(concept, ConceptFigures()).add(change)
    _keep_first(known)


def difference(after: ConceptFigures, before: ConceptFigures) -> ConceptFigures:
    """By how much the figures changed."""
    return ConceptFigures(
        after.lessons - before.lessons,
        after.scored - before.scored,
        after.score_sum_ppm - before.score_sum_ppm,
        after.weak - before.weak,
    )


def pace_of(entry: LessonEntry) -> tuple[int, int, int]:
    """Completed lessons (0 or 1), time and planned minutes that an entry contributes to the learner's pace."""
    summary = entry.summary
    if summary is None or entry.completed_at_us is None or entry.time_spent_ms == 0:
        return (0, 0, 0)
    return (1, entry.time_spent_ms, summary.duration_minutes)


def add_pace(delta: Totals, after: tuple[int, int, int], before: tuple[int, int, int]) -> None:
    """Put by how much the pace's figures changed into a change of totals."""
    delta.paced_lessons = after[0] - before[0]
    delta.paced_time_ms = after[1] - before[1]
    delta.paced_plan_minutes = after[2] - before[2]


def _observe(head: LearnerDocument, concepts: Iterable[str], observations: Iterable[Observation]) -> None:
    for one in observations:
        for concept in concepts:
            _keep(head.concepts.setdefault(concept, []), one)
    _keep_first(head.concepts)


def _keep(observations: list[Observation], one: Observation) -> None:
    """Keep the latest. What leaves has as many later ones of the same lesson or concept, in any order of arrival."""
    insort(observations, one, key=lambda other: other.place)
    if len(observations) > OBSERVATIONS_KEPT:
        del observations[0]


def _keep_first(known: MutableMapping[str, V]) -> None:
    while len(known) > CONCEPTS_KEPT:
        del known[max(known)]
