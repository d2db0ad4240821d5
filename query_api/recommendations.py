"""What a learner might do next, from the lessons active last. Pure and deterministic."""

from collections.abc import Sequence
from typing import Final

from events.quantities import PPM
from query_api.answers import NextLesson, Recommendation
from read_models.documents import LessonEntry

MOST: Final = 4
WEAK_SCORE_PPM: Final = 600_000
STRONG_SCORE_PPM: Final = 800_000
_NEXT_LEVEL: Final = {"beginner": "intermediate", "intermediate": "advanced"}

Lessons = Sequence[tuple[str, LessonEntry]]


def recommend(learner_id: str, lessons: Lessons) -> list[Recommendation]:
    """Up to four recommendations: continue what is under way, review what went badly, start what waits, go on.

    Args:
        learner_id: whose lessons these are.
        lessons: the lessons known, by id, those active last first.
    """
    found = [*_continue(lessons), *_review(lessons), *_start(lessons), *_advance(learner_id, lessons)]
    return found[:MOST]


def _continue(lessons: Lessons) -> list[Recommendation]:
    under_way = [
        (lesson_id, entry, entry.completion.value)
        for lesson_id, entry in lessons
        if entry.completion is not None and entry.completed_at_us is None
    ]
    return [
        _about("continue", lesson_id, entry, f"You are {value * 100 / PPM:.0f} % through it and worked on it last.")
        for lesson_id, entry, value in under_way[:1]
    ]


def _review(lessons: Lessons) -> list[Recommendation]:
    weak = [
        (entry.score.value, lesson_id, entry)
        for lesson_id, entry in lessons
        if entry.score is not None and entry.score.value < WEAK_SCORE_PPM
    ]
    return [
        _about("review", lesson_id, entry, f"Your last score there was {score * 100 / PPM:.0f} %.")
        for score, lesson_id, entry in sorted(weak, key=lambda one: one[:2])[:2]
    ]


def _start(lessons: Lessons) -> list[Recommendation]:
    waiting = [(lesson_id, entry) for lesson_id, entry in lessons if entry.reports == 0]
    return [
        _about("start", lesson_id, entry, "You asked for it and have not begun it yet.")
        for lesson_id, entry in waiting[-1:]
    ]


def _advance(learner_id: str, lessons: Lessons) -> list[Recommendation]:
    known = {(entry.summary.topic, entry.summary.level) for _, entry in lessons if entry.summary is not None}
    for lesson_id, entry in lessons:
        summary, score = entry.summary, entry.score
        if summary is None or entry.completed_at_us is None or score is None or score.value < STRONG_SCORE_PPM:
            continue
        level = _NEXT_LEVEL.get(summary.level)
        if level is not None and (summary.topic, level) not in known:
            why = f"You completed it with {score.value * 100 / PPM:.0f} %: the {level} level is next."
            request = NextLesson(learner_id=learner_id, topic=summary.topic, level=level)
            return [Recommendation(kind="advance", lesson_id=lesson_id, title=summary.title, why=why, request=request)]
    return []


def _about(kind: str, lesson_id: str, entry: LessonEntry, why: str) -> Recommendation:
    title = None if entry.summary is None else entry.summary.title
    return Recommendation.model_validate({"kind": kind, "lesson_id": lesson_id, "title": title, "why": why})
