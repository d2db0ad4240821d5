"""What the figures must be, from the facts alone. It shares no code with the folds."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from typing import Any

from tests.strategies import Fact, Report, Request

KEPT = 8
WEAK = 600_000


def expected_learners(facts: Iterable[Fact]) -> dict[str, dict[str, Any]]:
    """The status of every learner with a fact; a fact that comes twice counts once."""
    by_learner: dict[str, dict[str, Fact]] = defaultdict(dict)
    for fact in facts:
        by_learner[fact.learner_id].setdefault(fact.event_id, fact)
    return {learner_id: _learner(list(of_learner.values())) for learner_id, of_learner in by_learner.items()}


def expected_platform(facts: Iterable[Fact]) -> dict[str, Any]:
    """The figures of the whole platform."""
    learners = expected_learners(facts).values()
    scores = [score for learner in learners for score in learner["scores"].values()]
    known = sum(learner["lessons_known"] for learner in learners)
    completed = sum(learner["lessons_completed"] for learner in learners)
    return {
        "learners": len(learners),
        "events": sum(learner["events"] for learner in learners),
        "lessons_requested": sum(learner["lessons_requested"] for learner in learners),
        "lessons_known": known,
        "lessons_started": sum(learner["lessons_started"] for learner in learners),
        "lessons_completed": completed,
        "completion_rate": float(Fraction(completed, known)) if known else None,
        "average_score": float(sum(scores, Fraction(0)) / len(scores)) if scores else None,
        "time_spent_seconds": sum(learner["time_spent_ms"] for learner in learners) / 1000,
        "achievements_awarded": sum(len(learner["achievements"]) for learner in learners),
        "last_activity_at": max(
            (learner["last_activity_at"] for learner in learners if learner["last_activity_at"]), default=None
        ),
    }


def expected_concepts(facts: Iterable[Fact]) -> dict[str, tuple[int, int, int, int]]:
    """Over all learners, by concept: lessons on it, those with a score, the sum of these, and how many are weak."""
    known: dict[str, dict[str, Fact]] = defaultdict(dict)
    for fact in facts:
        known[fact.learner_id].setdefault(fact.event_id, fact)
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for of_learner in known.values():
        scores = _last_scores(of_learner.values())
        for fact in of_learner.values():
            for concept in fact.concepts if isinstance(fact, Request) else ():
                score = scores.get(fact.lesson_id)
                figures = found[concept]
                figures[0] += 1
                if score is not None:
                    figures[1] += 1
                    figures[2] += score
                    figures[3] += score < WEAK
    return {concept: (one[0], one[1], one[2], one[3]) for concept, one in found.items()}


def _last_scores(facts: Iterable[Fact]) -> dict[str, int]:
    reports = [fact for fact in facts if isinstance(fact, Report) and fact.score_ppm is not None]
    return {one.lesson_id: one.score_ppm or 0 for one in sorted(reports, key=lambda one: (one.at, one.event_id))}


def _observations(facts: list[Fact]) -> dict[str, list[tuple[int, int | None]]]:
    """By concept, when and with which score the last results of lessons on it occurred."""
    found: dict[str, set[tuple[int, str, int | None]]] = defaultdict(set)
    for request in facts:
        for report in facts:
            if not isinstance(request, Request) or not isinstance(report, Report):
                continue
            if report.lesson_id == request.lesson_id and (
                report.score_ppm is not None or report.completion_ppm == 1_000_000
            ):
                moment = round(report.at.timestamp() * 1_000_000)
                for concept in request.concepts:
                    found[concept].add((moment, report.event_id, report.score_ppm))
    return {concept: [(one[0], one[2]) for one in sorted(seen)[-KEPT:]] for concept, seen in found.items()}


def _pace(facts: list[Fact]) -> tuple[int, int, int]:
    """Lessons asked for and completed with time reported, that time in milliseconds, and the minutes planned."""
    times: dict[str, int] = defaultdict(int)
    done = set()
    for fact in facts:
        if isinstance(fact, Report):
            times[fact.lesson_id] += fact.time_spent_ms
            if fact.completion_ppm == 1_000_000:
                done.add(fact.lesson_id)
    asked = {fact.lesson_id for fact in facts if isinstance(fact, Request)}
    paced = [lesson for lesson in asked & done if times[lesson] > 0]
    return len(paced), sum(times[lesson] for lesson in paced), 30 * len(paced)


def _learner(facts: list[Fact]) -> dict[str, Any]:
    asked = [fact for fact in facts if isinstance(fact, Request)]
    reports = [fact for fact in facts if isinstance(fact, Report)]
    active = [fact for fact in facts if isinstance(fact, Request | Report)]
    known = {fact.lesson_id for fact in active}
    started = {report.lesson_id for report in reports}
    completed = {report.lesson_id for report in reports if report.completion_ppm == 1_000_000}
    scores = {}
    completions = {}
    for report in sorted(reports, key=lambda one: (one.at, one.event_id)):
        completions[report.lesson_id] = Fraction(report.completion_ppm, 1_000_000)
        if report.score_ppm is not None:
            scores[report.lesson_id] = Fraction(report.score_ppm, 1_000_000)
    earned: dict[str, Any] = {}
    for report in reports:
        for name in report.achievements:
            earned[name] = min(report.at, earned.get(name, report.at))
    return {
        "events": len(facts),
        "lessons_requested": len(asked),
        "lessons_known": len(known),
        "lessons_started": len(started),
        "lessons_completed": len(completed),
        "completion_rate": float(Fraction(len(completed), len(known))) if known else None,
        "average_score": float(sum(scores.values(), Fraction(0)) / len(scores)) if scores else None,
        "time_spent_ms": sum(report.time_spent_ms for report in reports),
        "time_spent_seconds": sum(report.time_spent_ms for report in reports) / 1000,
        "achievements": sorted(earned, key=lambda name: (earned[name], name)),
        "last_activity_at": max((fact.at for fact in active), default=None),
        "longest_streak_days": _longest_run({fact.at.date() for fact in active}),
        "observations": _observations(facts),
        "pace": _pace(facts),
        "scores": scores,
        "completions": completions,
        "titles": {request.lesson_id: f"About {request.topic}" for request in asked},
    }


def _longest_run(days: set[Any]) -> int:
    longest = run = 0
    for day in sorted(days):
        run = run + 1 if day - timedelta(days=1) in days else 1
        longest = max(longest, run)
    return longest
