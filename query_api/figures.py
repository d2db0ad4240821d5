"""From documents to figures. Pure; every figure is defined in `docs/figures.md`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from curriculum.material import Curriculum
from events.quantities import PPM, from_ppm, to_seconds
from query_api.answers import (
    AsOf,
    LearnerMastery,
    LearnerStatus,
    LessonProgress,
    LessonStatus,
    PlatformStatus,
    moment_ms,
    moment_us,
)
from query_api.knowing import concept_masteries, fading_first, pace_of, stuck_concepts
from query_api.recommendations import recommend
from read_models.documents import LearnerDocument, LessonEntry, PartitionDocument, Position, Totals


def learner_status(document: LearnerDocument, now: datetime, curriculum: Curriculum) -> LearnerStatus:
    """A learner's status as seen at a moment, with what a curriculum has to say about the concepts in it."""
    days = {date.fromisoformat(day) for day in document.days}
    by_activity = sorted(document.lessons.items(), key=lambda item: (item[1].last_activity_us, item[0]), reverse=True)
    masteries = concept_masteries(document, now, curriculum)
    return LearnerStatus(
        **_figures(document.totals, document.last_activity_us),
        learner_id=document.learner_id,
        achievements=sorted(document.achievements, key=lambda name: (document.achievements[name], name)),
        streak_days=current_streak(days, now.astimezone(UTC).date()),
        longest_streak_days=longest_streak(days),
        lessons=[_lesson_status(lesson_id, entry) for lesson_id, entry in by_activity],
        mastery=masteries,
        fading=[one.concept for one in fading_first(masteries)],
        pace=pace_of(document.totals),
        recommendations=recommend(document.learner_id, by_activity, masteries, curriculum),
        as_of=as_of(document.as_of),
    )


def learner_mastery(document: LearnerDocument, now: datetime, curriculum: Curriculum) -> LearnerMastery:
    """What a learner knows at a moment, and how fast they learn."""
    return LearnerMastery(
        learner_id=document.learner_id,
        mastery=concept_masteries(document, now, curriculum),
        pace=pace_of(document.totals),
        as_of=as_of(document.as_of),
    )


def platform_status(partitions: Iterable[PartitionDocument], curriculum: Curriculum) -> PlatformStatus:
    """The status of all partitions together."""
    documents = list(partitions)
    totals = Totals()
    for document in documents:
        totals.add(document.totals)
    return PlatformStatus(
        **_figures(totals, max((document.last_activity_us for document in documents), default=0)),
        learners=totals.learners,
        achievements_awarded=totals.achievements,
        pace=pace_of(totals),
        stuck=stuck_concepts(documents, curriculum),
        as_of=platform_as_of(documents),
    )


def platform_as_of(partitions: Iterable[PartitionDocument]) -> AsOf:
    """How far the log is reflected in all partitions."""
    return as_of({str(one.partition): one.as_of for one in partitions if one.as_of is not None})


def as_of(positions: Mapping[str, Position]) -> AsOf:
    """How far the log is reflected at these positions."""
    return AsOf(
        time=moment_ms(max(position.appended_at_ms for position in positions.values())) if positions else None,
        positions={partition: positions[partition].offset for partition in sorted(positions, key=int)},
    )


def lesson_progress(entry: LessonEntry) -> LessonProgress | None:
    """A learner's progress in a lesson; `None` before the first report."""
    if entry.completion is None:
        return None
    return LessonProgress(
        completion=from_ppm(entry.completion.value),
        score=None if entry.score is None else from_ppm(entry.score.value),
        completed_at=None if entry.completed_at_us is None else moment_us(entry.completed_at_us),
        time_spent_seconds=to_seconds(entry.time_spent_ms),
        reports=entry.reports,
        last_activity_at=moment_us(entry.last_activity_us),
    )


def current_streak(days: set[date], today: date) -> int:
    """Days in a row with activity, up to today, or up to yesterday while today has none yet.

    A client's clock may be ahead around midnight, so tomorrow counts as well; later dates do not.
    """
    ordinals, present = _ordinals(days), today.toordinal()
    last = max((day for day in ordinals if day <= present + 1), default=None)
    if last is None or last < present - 1:
        return 0
    return _run_until(ordinals, last)


def longest_streak(days: set[date]) -> int:
    """The most days in a row with activity there ever were."""
    ordinals = _ordinals(days)
    ends = (day for day in ordinals if day + 1 not in ordinals)
    return max((_run_until(ordinals, end) for end in ends), default=0)


def _ordinals(days: set[date]) -> set[int]:
    """The days as numbers: the first and the last day of the calendar have neighbours, too."""
    return {day.toordinal() for day in days}


def _run_until(ordinals: set[int], last: int) -> int:
    length = 1
    while last - length in ordinals:
        length += 1
    return length


def _figures(totals: Totals, last_activity_us: int) -> dict[str, Any]:
    return {
        "lessons_requested": totals.lessons_requested,
        "lessons_known": totals.lessons_known,
        "lessons_started": totals.lessons_started,
        "lessons_completed": totals.lessons_completed,
        "completion_rate": totals.lessons_completed / totals.lessons_known if totals.lessons_known else None,
        "average_score": totals.score_sum_ppm / (totals.lessons_scored * PPM) if totals.lessons_scored else None,
        "time_spent_seconds": to_seconds(totals.time_spent_ms),
        "events": totals.events,
        "last_activity_at": moment_us(last_activity_us) if totals.lessons_known else None,
    }


def _lesson_status(lesson_id: str, entry: LessonEntry) -> LessonStatus:
    summary, progress = entry.summary, lesson_progress(entry)
    return LessonStatus(
        lesson_id=lesson_id,
        topic=None if summary is None else summary.topic,
        title=None if summary is None else summary.title,
        level=None if summary is None else summary.level,
        requested_at=None if summary is None else moment_us(summary.requested_at_us),
        completion=None if progress is None else progress.completion,
        score=None if progress is None else progress.score,
        completed_at=None if progress is None else progress.completed_at,
        time_spent_seconds=to_seconds(entry.time_spent_ms),
        last_activity_at=moment_us(entry.last_activity_us),
    )
