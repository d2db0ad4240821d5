"""What the figures must be, from the commands that were accepted and the definitions in docs/figures.md alone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from deploy.minikube.verification.ledger import GENERATE, Accepted

SUMS: Final = ("events", "lessons_requested", "lessons_known", "lessons_started", "lessons_completed")
"""Figures of everybody that are sums of the learners' figures, and whole numbers."""


def figures(accepted: Sequence[Accepted]) -> dict[str, Any]:
    """The figures of GET /status: of one learner, whose commands these are, or of all learners with theirs."""
    reports = [one for one in accepted if one.command.path != GENERATE]
    known = {(one.command.learner, one.lesson) for one in accepted}
    completed = {(one.command.learner, one.lesson) for one in reports if one.command.body["completion"] == 1}
    scores = [value for _, value in _latest(reports, "score").items()]
    return {
        "events": len(accepted),
        "lessons_requested": len(accepted) - len(reports),
        "lessons_known": len(known),
        "lessons_started": len({(one.command.learner, one.lesson) for one in reports}),
        "lessons_completed": len(completed),
        "completion_rate": len(completed) / len(known) if known else None,
        "average_score": float(sum(scores, Fraction(0)) / len(scores)) if scores else None,
        "time_spent_seconds": float(time_spent(accepted)),
    }


def time_spent(accepted: Iterable[Accepted]) -> Fraction:
    """Seconds reported, over all reports."""
    reports = (one.command.body for one in accepted if one.command.path != GENERATE)
    return sum((_exact(body["time_spent_seconds"]) for body in reports), Fraction(0))


def last_of_lessons(accepted: Sequence[Accepted]) -> dict[str, dict[str, float | None]]:
    """By lesson of one learner, completion and score of the report that occurred last, of those that have one."""
    reports = [one for one in accepted if one.command.path != GENERATE]
    values = {name: _latest(reports, name) for name in ("completion", "score")}
    return {
        one.lesson: {
            name: float(latest[place]) if (place := (one.command.learner, one.lesson)) in latest else None
            for name, latest in values.items()
        }
        for one in accepted
    }


def lessons_requested(accepted: Iterable[Accepted]) -> list[str]:
    """Ids of the lessons asked for, sorted."""
    return sorted(one.lesson for one in accepted if one.command.path == GENERATE)


def by_learner(accepted: Iterable[Accepted]) -> dict[str, list[Accepted]]:
    """The commands of each learner."""
    found: dict[str, list[Accepted]] = {}
    for one in accepted:
        found.setdefault(one.command.learner, []).append(one)
    return found


def _latest(reports: Iterable[Accepted], name: str) -> dict[tuple[str, str], Fraction]:
    """By learner and lesson, the value that occurred last; of two at one time, that of the greater event id."""
    having = [one for one in reports if one.command.body.get(name) is not None]
    having.sort(key=lambda one: (datetime.fromisoformat(one.command.body["occurred_at"]), one.event_id))
    return {(one.command.learner, one.lesson): _exact(one.command.body[name]) for one in having}


def _exact(number: float) -> Fraction:
    """The decimal fraction that was sent, which is not the float nearest to it."""
    return Fraction(str(number))
