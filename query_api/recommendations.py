"""What a learner might do next, from the lessons active last, and from what they know. Pure and deterministic."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from curriculum.material import Concept, Curriculum
from events.contracts import Level
from events.quantities import PPM
from query_api.answers import ConceptMastery, NextLesson, Recommendation
from query_api.knowing import fading_first
from read_models.documents import WEAK_SCORE_PPM, LessonEntry

MOST: Final = 6
STRONG_SCORE_PPM: Final = 800_000
_NEXT_LEVEL: Final = {"beginner": "intermediate", "intermediate": "advanced"}

Lessons = Sequence[tuple[str, LessonEntry]]


def recommend(
    learner_id: str, lessons: Lessons, masteries: Sequence[ConceptMastery], curriculum: Curriculum
) -> list[Recommendation]:
    """Up to six recommendations, the most urgent first; no two ask for the same topic at the same level.

    Continue what is under way, refresh what is fading, strengthen what went badly, start what waits, learn what comes
    next, go on to the next level.

    Args:
        learner_id: whose lessons these are.
        lessons: the lessons known, by id, those active last first.
        masteries: of the concepts that were worked on.
        curriculum: what there is to learn.
    """
    found = chain(
        _continue(learner_id, lessons),
        _refresh(learner_id, masteries, curriculum),
        _strengthen(learner_id, masteries, curriculum),
        _review(learner_id, lessons, curriculum),
        _start(learner_id, lessons),
        _learn(learner_id, masteries, curriculum),
        _advance(learner_id, lessons),
    )
    chosen: dict[tuple[str, str], Recommendation] = {}
    for one in found:
        chosen.setdefault((one.request.topic.casefold(), one.request.level), one)
    return list(chosen.values())[:MOST]


def _continue(learner_id: str, lessons: Lessons) -> Iterator[Recommendation]:
    under_way = [
        (lesson_id, entry, entry.completion.value)
        for lesson_id, entry in lessons
        if entry.completion is not None and entry.completed_at_us is None
    ]
    for lesson_id, entry, value in under_way[:1]:
        why = f"You are {_percent(value)} through it and worked on it last."
        yield _about("continue", "Go on with", learner_id, lesson_id, entry, why)


def _refresh(learner_id: str, masteries: Sequence[ConceptMastery], curriculum: Curriculum) -> Iterator[Recommendation]:
    known = [one for one in fading_first(masteries) if one.concept in curriculum.by_id]
    for one in known[:2]:
        concept = curriculum.by_id[one.concept]
        why = f"You held it well; since {_date(one)} it has been fading."
        yield _concerning("refresh", "Refresh", learner_id, concept, concept.level, why)


def _strengthen(
    learner_id: str, masteries: Sequence[ConceptMastery], curriculum: Curriculum
) -> Iterator[Recommendation]:
    weak = [
        (one.last_score, one)
        for one in masteries
        if one.concept in curriculum.by_id
        and one.last_score is not None
        and one.last_score * PPM < WEAK_SCORE_PPM
        and not one.grasp.is_held
    ]
    for score, one in sorted(weak, key=lambda pair: (pair[0], pair[1].concept))[:2]:
        why = f"Your last score on it was {_percent(round(score * PPM))}, on {_date(one)}."
        yield _concerning("strengthen", "Work again on", learner_id, curriculum.by_id[one.concept], Level.BEGINNER, why)


def _review(learner_id: str, lessons: Lessons, curriculum: Curriculum) -> Iterator[Recommendation]:
    weak = [
        (entry.score.value, lesson_id, entry)
        for lesson_id, entry in lessons
        if entry.score is not None
        and entry.score.value < WEAK_SCORE_PPM
        and curriculum.by_id.keys().isdisjoint(entry.concepts)
    ]
    for score, lesson_id, entry in sorted(weak, key=lambda one: one[:2])[:2]:
        why = f"Your last score there was {_percent(score)}."
        yield _about("review", "Review", learner_id, lesson_id, entry, why)


def _start(learner_id: str, lessons: Lessons) -> Iterator[Recommendation]:
    waiting = [(lesson_id, entry) for lesson_id, entry in lessons if entry.reports == 0]
    for lesson_id, entry in waiting[-1:]:
        yield _about("start", "Begin", learner_id, lesson_id, entry, "You asked for it and have not begun it yet.")


def _learn(learner_id: str, masteries: Sequence[ConceptMastery], curriculum: Curriculum) -> Iterator[Recommendation]:
    """The next concept of the pack worked on last: the first that is new, and whose prerequisites are held or implied.

    What a concept that is held builds on is implied by it: whoever begins in the middle is not sent to the beginning.
    """
    known = {one.concept: one for one in masteries if one.concept in curriculum.by_id}
    if not known:
        return
    last = max(known.values(), key=lambda one: (one.last_seen_at, one.concept))
    pack = curriculum.pack_of(last.concept)
    held = {one.concept for one in known.values() if one.grasp.is_held}
    implied = curriculum.implied_by(held)
    for concept in pack.concepts:
        if concept.id not in known and concept.id not in implied and held | implied >= set(concept.prerequisites):
            titles = [curriculum.by_id[needed].title for needed in concept.prerequisites]
            why = f"It builds on {' and '.join(titles)}, which you know." if titles else "It needs nothing before it."
            yield _concerning("learn", "Learn", learner_id, concept, concept.level, why)
            return


def _advance(learner_id: str, lessons: Lessons) -> Iterator[Recommendation]:
    known = {(entry.summary.topic, entry.summary.level) for _, entry in lessons if entry.summary is not None}
    for lesson_id, entry in lessons:
        summary, score = entry.summary, entry.score
        if summary is None or entry.completed_at_us is None or score is None or score.value < STRONG_SCORE_PPM:
            continue
        level = _NEXT_LEVEL.get(summary.level)
        if level is not None and (summary.topic, level) not in known:
            yield Recommendation(
                kind="advance",
                what=f"{summary.topic}, {level} level",
                why=f"You completed it with {_percent(score.value)}: the {level} level is next.",
                lesson_id=lesson_id,
                title=summary.title,
                request=NextLesson(learner_id=learner_id, topic=summary.topic, level=level),
            )
            return


def _about(kind: str, verb: str, learner_id: str, lesson_id: str, entry: LessonEntry, why: str) -> Recommendation:
    """A recommendation about a lesson; of one that nobody asked for here, its id is all there is of a topic."""
    summary = entry.summary
    topic, level = (lesson_id, Level.BEGINNER.value) if summary is None else (summary.topic, summary.level)
    title = None if summary is None else summary.title
    return Recommendation.model_validate(
        {
            "kind": kind,
            "what": f"{verb} {title or lesson_id}",
            "why": why,
            "lesson_id": lesson_id,
            "title": title,
            "request": NextLesson(learner_id=learner_id, topic=topic, level=level),
        }
    )


def _concerning(kind: str, verb: str, learner_id: str, concept: Concept, level: Level, why: str) -> Recommendation:
    return Recommendation.model_validate(
        {
            "kind": kind,
            "what": f"{verb} {concept.title}",
            "why": why,
            "title": concept.title,
            "concept": concept.id,
            "request": NextLesson(learner_id=learner_id, topic=concept.title, level=level.value),
        }
    )


def _percent(ppm: int) -> str:
    return f"{ppm * 100 / PPM:.0f} %"


def _date(one: ConceptMastery) -> str:
    return f"{one.last_seen_at.day} {one.last_seen_at:%B %Y}"
