"""What the figures must be, computed from the commands that were accepted; nothing is imported from the services."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

import httpx2

from deploy.stack.stack import Stack
from tests.kafka import read_topic
from tests.real.surroundings import TOPIC, check_accounts, wait_until_folded
from tests.real.traffic import GENERATE, Command

CATCH_UP_SECONDS: Final = 60.0
_LESSONS_SHOWN: Final = 100


def check_exact(stack: Stack, commands: Sequence[Command]) -> Counter[str]:
    """Check that a stack counts these commands, each once, and no others.

    Args:
        stack: that runs, and takes no other commands meanwhile.
        commands: all that were accepted since the log was empty.

    Returns:
        How many records the log has, and how many of them were applied, duplicate, parked or missing.
    """
    wait_until_folded(stack.infrastructure, seconds=CATCH_UP_SECONDS)
    counts = _check_log(stack, commands)
    by_learner: defaultdict[str, list[Command]] = defaultdict(list)
    for command in commands:
        by_learner[command.learner].append(command)
    with httpx2.Client(timeout=60, trust_env=False) as client:
        for learner, own in by_learner.items():
            _check_learner(client, stack, learner, own)
        platform = _get(client, f"{stack.user_progress}/status")
    expected = {"learners": len(by_learner), **_figures(commands)}
    assert {name: platform[name] for name in expected} == expected
    return counts


def _check_log(stack: Stack, commands: Sequence[Command]) -> Counter[str]:
    """Each command is in the log at least once, nothing else is, and each offset is accounted for."""
    messages = read_topic(stack.infrastructure.brokers, TOPIC)
    ids = Counter(json.loads(message.value() or b"")["id"] for message in messages)
    expected = [command.event_id for command in commands]
    assert len(set(expected)) == len(expected)
    assert ids.keys() == set(expected)
    counts = Counter(check_accounts(stack.infrastructure))
    assert counts == Counter(applied=len(expected), duplicate=len(messages) - len(expected), parked=0, missing=0)
    return counts + Counter(records=len(messages))


def _check_learner(client: httpx2.Client, stack: Stack, learner: str, own: Sequence[Command]) -> None:
    last = own[-1]
    headers = {"Consistency-Token": last.token, "Prefer": "wait=30"}
    answer = client.get(f"{stack.user_progress}/status", params={"learner_id": learner}, headers=headers)
    assert answer.raise_for_status().headers["Consistency-Status"] == "included", answer.text
    status = answer.json()
    expected = _figures(own)
    assert {name: status[name] for name in expected} == expected, learner
    last_of = _last_of_lessons(own)
    shown = {one["lesson_id"]: {name: one[name] for name in ("completion", "score")} for one in status["lessons"]}
    assert len(shown) == min(len(last_of), _LESSONS_SHOWN)
    assert shown == {lesson: last_of[lesson] for lesson in shown}
    requested = [command.lesson for command in own if command.path == GENERATE]
    assert sorted(_lessons_listed(client, stack, learner)) == sorted(requested)


def _lessons_listed(client: httpx2.Client, stack: Stack, learner: str) -> list[str]:
    found: list[str] = []
    params = {"learner_id": learner}
    while True:
        page = _get(client, f"{stack.course_agent}/lessons", **params)
        found += [lesson["lesson_id"] for lesson in page["lessons"]]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


def _get(client: httpx2.Client, url: str, **params: str) -> dict[str, Any]:
    content: dict[str, Any] = client.get(url, params=params).raise_for_status().json()
    return content


def _figures(commands: Sequence[Command]) -> dict[str, Any]:
    reports = [command for command in commands if command.path != GENERATE]
    known = {(command.learner, command.lesson) for command in commands}
    time_spent = sum((_exact(report.body["time_spent_seconds"]) for report in reports), Fraction(0))
    completed = {(report.learner, report.lesson) for report in reports if report.body["completion"] == 1}
    scores = list(_last_values(reports, "score").values())
    return {
        "events": len(commands),
        "lessons_requested": len(commands) - len(reports),
        "lessons_known": len(known),
        "lessons_started": len({(report.learner, report.lesson) for report in reports}),
        "lessons_completed": len(completed),
        "completion_rate": len(completed) / len(known),
        "average_score": float(sum(scores, Fraction(0)) / len(scores)) if scores else None,
        "time_spent_seconds": float(time_spent),
    }


def _last_of_lessons(own: Sequence[Command]) -> dict[str, dict[str, float | None]]:
    reports = [command for command in own if command.path != GENERATE]
    values = {name: _last_values(reports, name) for name in ("completion", "score")}
    return {
        command.lesson: {
            name: float(last[command.learner, command.lesson]) if (command.learner, command.lesson) in last else None
            for name, last in values.items()
        }
        for command in own
    }


def _last_values(reports: Sequence[Command], name: str) -> dict[tuple[str, str], Fraction]:
    """By learner and lesson the value that occurred last, among the reports that have one."""
    having = [report for report in reports if name in report.body]
    having.sort(key=lambda report: datetime.fromisoformat(report.body["occurred_at"]))
    return {(report.learner, report.lesson): _exact(report.body[name]) for report in having}


def _exact(number: float) -> Fraction:
    """The decimal fraction that was sent, which is not the float nearest to it."""
    return Fraction(str(number))
