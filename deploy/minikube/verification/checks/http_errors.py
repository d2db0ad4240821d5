"""Requests that are not as they must be, and what they are answered with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.scene import Scene

_JSON: Final = "application/json"
_TOO_LARGE: Final = 70_000
"""Bytes; 64 KiB are taken."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A request, and how it must be refused.

    Attributes:
        names: fields that the problem must name.
    """

    what: str
    service: str
    method: str
    path: str
    status: int
    problem: str
    body: bytes = b""
    media: str = _JSON
    names: tuple[str, ...] = field(default=())


def _lesson(learner: str, **changed: Any) -> bytes:
    return _body({"learner_id": learner, "topic": "Python"}, changed)


def _report(learner: str, **changed: Any) -> bytes:
    return _body({"learner_id": learner, "lesson_id": "intro", "completion": 1}, changed)


def _body(fields: Mapping[str, Any], changed: Mapping[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in {**fields, **changed}.items() if value is not None}).encode()


def _lesson_cases(learner: str) -> list[_Case]:
    def case(what: str, names: str, body: bytes) -> _Case:
        return _Case(
            what, COURSE_AGENT, "POST", "/generate-lesson", 422, "invalid-request", body, names=tuple(names.split())
        )

    return [
        case("no topic", "topic", _lesson(learner, topic=None)),
        case("a blank topic", "topic", _lesson(learner, topic="   ")),
        case("no learner", "learner_id", _lesson(learner, learner_id=None)),
        case("an unknown level", "level", _lesson(learner, level="wizard")),
        case("a lesson of 4 minutes", "duration_minutes", _lesson(learner, duration_minutes=4)),
        case("an unknown field", "colour", _lesson(learner, colour="red")),
        case("two faults at once", "topic level", _lesson(learner, topic="", level=7)),
        _Case("no JSON", COURSE_AGENT, "POST", "/generate-lesson", 400, "malformed-request", b"{"),
        _Case(
            "another media type",
            COURSE_AGENT,
            "POST",
            "/generate-lesson",
            415,
            "unsupported-media-type",
            b"x",
            "text/plain",
        ),
        _Case(
            f"{_TOO_LARGE} bytes",
            COURSE_AGENT,
            "POST",
            "/generate-lesson",
            413,
            "request-too-large",
            _lesson(learner, topic="x" * _TOO_LARGE),
        ),
    ]


def _other_cases(learner: str) -> list[_Case]:
    def report(what: str, names: str, body: bytes) -> _Case:
        return _Case(
            what, USER_PROGRESS, "POST", "/update-progress", 422, "invalid-request", body, names=tuple(names.split())
        )

    return [
        report("a completion of 2", "completion", _report(learner, completion=2)),
        report("a score below 0", "score", _report(learner, score=-0.1)),
        report("a time in the future", "occurred_at", _report(learner, occurred_at="2999-01-01T00:00:00Z")),
        _Case("no JSON", USER_PROGRESS, "POST", "/update-progress", 400, "malformed-request", b"not JSON"),
        _Case("an unknown learner", USER_PROGRESS, "GET", f"/status?learner_id={learner}", 404, "unknown-learner"),
        _Case("an id that is none", USER_PROGRESS, "GET", "/status?learner_id=%20", 422, "invalid-request"),
        _Case("an unknown lesson", COURSE_AGENT, "GET", f"/lessons/{learner}", 404, "unknown-lesson"),
        _Case("a cursor that is none", COURSE_AGENT, "GET", "/lessons?cursor=x", 422, "invalid-request"),
        _Case("no such address", COURSE_AGENT, "GET", "/nothing", 404, "not-found"),
        _Case("no such address", USER_PROGRESS, "GET", "/nothing", 404, "not-found"),
        _Case("another method", COURSE_AGENT, "DELETE", "/lessons", 405, "method-not-allowed"),
        _Case("another method", USER_PROGRESS, "GET", "/update-progress", 405, "method-not-allowed"),
    ]


def _invalid_lessons(scene: Scene, see: Notebook) -> None:
    learner = f"{scene.learner}-refused"
    _try(scene, see, _lesson_cases(learner))
    listed = scene.course_agent.get("/lessons", learner_id=learner).json()["lessons"]
    see.holds(
        listed == [], f"nothing of all that was recorded: {learner} has no lesson", else_=f"{len(listed)} lessons"
    )


def _errors(scene: Scene, see: Notebook) -> None:
    learner = f"{scene.learner}-refused"
    _try(scene, see, _other_cases(learner))
    answer = scene.user_progress.get("/status", learner_id=learner)
    see.holds(
        answer.problem == "unknown-learner",
        f"nothing of all that was recorded: {learner} is unknown",
        else_=answer.describe(),
    )


def _try(scene: Scene, see: Notebook, cases: list[_Case]) -> None:
    clients = {COURSE_AGENT: scene.course_agent, USER_PROGRESS: scene.user_progress}
    for case in cases:
        headers = {"Content-Type": case.media} if case.method == "POST" else {}
        answer = clients[case.service].request(case.method, case.path, headers=headers, body=case.body or None)
        path = case.path if len(case.path) <= len("/update-progress") else case.path.partition("?")[0]
        named = {one["field"] for one in answer.json().get("errors", [])} if answer.problem else set()
        see.holds(
            (answer.status, answer.problem) == (case.status, case.problem) and set(case.names) <= named,
            f"{case.method} {path} with {case.what}: {case.status} {case.problem}"
            f"{f', naming {chr(32).join(case.names)}' if case.names else ''} (application/problem+json)",
            else_=f"{answer.describe()}, {answer.headers.get('content-type')}, naming {sorted(named)}",
        )


CHECKS: Final = (
    Check(
        "invalid-lessons",
        "Invalid lesson requests are refused with what is wrong, and leave nothing behind",
        ("EDGE-4", "SC-007", "FR-005"),
        _invalid_lessons,
    ),
    Check("errors", "Errors of both services are RFC 9457 problems", ("SC-007",), _errors),
)
"""See `checks`."""
