"""The oracle against definitions spelled out once more, the plainest way, and against figures worked out by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from deploy.minikube.verification.ledger import GENERATE, UPDATE, Accepted, Command
from deploy.minikube.verification.oracle import (
    SUMS,
    by_learner,
    figures,
    last_of_lessons,
    lessons_requested,
    time_spent,
)

BEGIN: Final = datetime(2024, 2, 1, tzinfo=UTC)


def accepted(learner: str, lesson: str, number: int, body: dict[str, Any] | None) -> Accepted:
    """A request for a lesson where there is no body, else a report."""
    command = Command(GENERATE if body is None else UPDATE, learner, body or {}, f"key-{number}")
    return Accepted(command, f"id-{number:04}", lesson, "token", 1)


def report(minutes: int, completion: float, seconds: float, score: float | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "completion": completion,
        "time_spent_seconds": seconds,
        "occurred_at": (BEGIN + timedelta(minutes=minutes)).isoformat(),
    }
    return body if score is None else {**body, "score": score}


@st.composite
def histories(draw: st.DrawFn) -> list[Accepted]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        learner, lesson = draw(st.sampled_from("ab")), draw(st.sampled_from(["x", "y", "z"]))
        if draw(st.integers(0, 3)) == 0:
            found.append(accepted(learner, f"lesson-{number}", number, None))
        else:
            body = report(
                draw(st.integers(0, 9)),
                draw(st.sampled_from([0, 0.25, 1])),
                draw(st.integers(0, 9999)) / 1000,
                draw(st.sampled_from([None, 0, 0.1, 0.7, 1])),
            )
            found.append(accepted(learner, lesson, number, body))
    return found


def naive(history: Sequence[Accepted]) -> dict[str, Any]:
    """By going through the history once, with nothing but dictionaries."""
    known, started, completed = set(), set(), set()
    scores: dict[tuple[str, str], tuple[tuple[str, str], str]] = {}
    requested, thousandths = 0, 0
    for one in history:
        place, body = (one.command.learner, one.lesson), one.command.body
        known.add(place)
        if one.command.path == GENERATE:
            requested += 1
            continue
        started.add(place)
        thousandths += round(body["time_spent_seconds"] * 1000)
        if body["completion"] == 1:
            completed.add(place)
        if "score" in body:
            moment = (body["occurred_at"], one.event_id)
            if place not in scores or moment > scores[place][0]:
                scores[place] = (moment, str(body["score"]))
    values = [Fraction(text) for _, text in scores.values()]
    return {
        "events": len(history),
        "lessons_requested": requested,
        "lessons_known": len(known),
        "lessons_started": len(started),
        "lessons_completed": len(completed),
        "completion_rate": len(completed) / len(known) if known else None,
        "average_score": float(sum(values) / len(values)) if values else None,
        "time_spent_seconds": thousandths / 1000,
    }


@given(history=histories())
def test_figures_are_those_of_the_definitions(history: list[Accepted]) -> None:
    assert figures(history) == naive(history)


@given(history=histories(), seed=st.integers())
def test_the_order_of_arrival_changes_nothing(history: list[Accepted], seed: int) -> None:
    other = Random(seed).sample(history, len(history))
    assert figures(other) == figures(history)
    for learner, own in by_learner(history).items():
        assert last_of_lessons(by_learner(other)[learner]) == last_of_lessons(own)
    assert lessons_requested(other) == lessons_requested(history)


@given(history=histories())
def test_figures_of_everybody_are_sums_of_the_learners(history: list[Accepted]) -> None:
    learners = by_learner(history)
    assert sorted(one.event_id for own in learners.values() for one in own) == [one.event_id for one in history]
    assert all({one.command.learner for one in own} == {learner} for learner, own in learners.items())
    for name in SUMS:
        assert figures(history)[name] == sum(figures(own)[name] for own in learners.values())
    assert time_spent(history) == sum(time_spent(own) for own in learners.values())


def test_figures_worked_out_by_hand() -> None:
    history = [
        accepted("ada", "new", 1, None),
        accepted("ada", "loops", 2, report(20, 1, 60.5, 0.4)),
        accepted("ada", "loops", 3, report(10, 0.5, 30.25, 0.9)),
        accepted("ada", "loops", 4, report(30, 0.75, 0)),
        accepted("ada", "lists", 5, report(5, 0.25, 9.25, 0.7)),
    ]
    assert figures(history) == {
        "events": 5,
        "lessons_requested": 1,
        "lessons_known": 3,
        "lessons_started": 2,
        "lessons_completed": 1,
        "completion_rate": 1 / 3,
        "average_score": 0.55,
        "time_spent_seconds": 100.0,
    }
    assert last_of_lessons(history) == {
        "new": {"completion": None, "score": None},
        "loops": {"completion": 0.75, "score": 0.4},
        "lists": {"completion": 0.25, "score": 0.7},
    }
    assert lessons_requested(history) == ["new"]
