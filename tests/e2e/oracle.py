"""What the figures must be, computed from reports by the definitions alone. Imports nothing from the project."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Report:
    """A learner completed a lesson, with a score or without."""

    learner: str
    lesson: str
    at: datetime
    score: Fraction | None


def oulad_reports(path: Path) -> list[Report]:
    """What the rows of a submissions file say."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Report(
                learner=row["student_id"],
                lesson=f"{row['module']}-{row['presentation']}-{row['assessment_id']}",
                at=datetime(int(row["presentation"][:4]), 10, 1, tzinfo=UTC) + timedelta(days=int(row["day"])),
                score=Fraction(row["score"]) / 100 if row["score"] else None,
            )
            for row in csv.DictReader(file)
        ]


def last_scores(reports: Iterable[Report]) -> dict[tuple[str, str], Fraction]:
    """By learner and lesson the score that occurred last, among the reports that have one."""
    latest: dict[tuple[str, str], Report] = {}
    for report in reports:
        known = latest.get((report.learner, report.lesson))
        if report.score is not None and (known is None or report.at > known.at):
            latest[report.learner, report.lesson] = report
    return {key: report.score for key, report in latest.items() if report.score is not None}


def platform_figures(reports: Sequence[Report]) -> dict[str, Any]:
    """The figures of GET /status."""
    return {"learners": len({report.learner for report in reports}), **_figures(reports)}


def learner_figures(reports: Sequence[Report]) -> dict[str, dict[str, Any]]:
    """By learner the figures of GET /status?learner_id=..., with the scores of the lessons and the longest streak."""
    by_learner: defaultdict[str, list[Report]] = defaultdict(list)
    for report in reports:
        by_learner[report.learner].append(report)
    return {
        learner: {
            "learner_id": learner,
            **_figures(own),
            "longest_streak_days": _longest_streak({report.at.date() for report in own}),
            "lessons": {
                lesson: {"score": _float(last_scores(own).get((learner, lesson))), "last_activity_at": moment}
                for lesson, moment in _last_activity(own).items()
            },
        }
        for learner, own in by_learner.items()
    }


def _figures(reports: Sequence[Report]) -> dict[str, Any]:
    lessons = {(report.learner, report.lesson) for report in reports}
    scores = last_scores(reports).values()
    return {
        "lessons_requested": 0,
        "lessons_known": len(lessons),
        "lessons_started": len(lessons),
        "lessons_completed": len(lessons),
        "completion_rate": 1.0,
        "average_score": _float(sum(scores, Fraction(0)) / len(scores) if scores else None),
        "time_spent_seconds": 0.0,
        "events": len(reports),
        "last_activity_at": _text(max(report.at for report in reports)),
    }


def _last_activity(reports: Sequence[Report]) -> dict[str, str]:
    moments: dict[str, datetime] = {}
    for report in reports:
        moments[report.lesson] = max(report.at, moments.get(report.lesson, report.at))
    return {lesson: _text(moment) for lesson, moment in moments.items()}


def _longest_streak(days: set[date]) -> int:
    longest = 0
    for day in days:
        length = 1
        while day - timedelta(days=length) in days:
            length += 1
        longest = max(longest, length)
    return longest


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
