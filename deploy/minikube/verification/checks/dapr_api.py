"""What the services' sidecars do for them, and what they refuse: invocation, secrets, topics."""

from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import COURSE_AGENT, PROJECTOR, SERVICES, USER_PROGRESS
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.scene import OK, Scene
from deploy.minikube.verification.sidecars import ask_sidecar, error_code

_FORBIDDEN: Final = 403


def _invocation(scene: Scene, see: Notebook) -> None:
    story, kubectl = scene.story, scene.cluster.kubectl
    mastery = f"/v1.0/invoke/{USER_PROGRESS}/method/status/mastery?learner_id={story.learner}"
    (answer,) = ask_sidecar(kubectl, scene.cluster.a_pod(COURSE_AGENT), ("GET", mastery))
    see.holds(
        answer.status == OK and answer.json().get("learner_id") == story.learner,
        f"{COURSE_AGENT} asks {USER_PROGRESS} for GET /status/mastery through both sidecars: 200",
        else_=f"{answer.status} {answer.body[:200]!r}",
    )
    refused = (
        (COURSE_AGENT, USER_PROGRESS, "GET", "status"),
        (COURSE_AGENT, USER_PROGRESS, "POST", "update-progress"),
        (COURSE_AGENT, USER_PROGRESS, "POST", "status/mastery"),
        (USER_PROGRESS, COURSE_AGENT, "GET", "lessons"),
        (PROJECTOR, USER_PROGRESS, "GET", "status/mastery"),
        (COURSE_AGENT, PROJECTOR, "GET", "metrics"),
    )
    for caller, callee, method, path in refused:
        (answer,) = ask_sidecar(
            kubectl,
            scene.cluster.a_pod(caller),
            (method, f"/v1.0/invoke/{callee}/method/{path}", "{}" if method == "POST" else ""),
        )
        see.holds(
            answer.status == _FORBIDDEN,
            f"{caller} may not call {method} /{path} of {callee}: {answer.status} {error_code(answer)}",
        )


def _secrets(scene: Scene, see: Notebook) -> None:
    kubectl = scene.cluster.kubectl
    for app in SERVICES:
        kafka, postgres = ask_sidecar(
            kubectl,
            scene.cluster.a_pod(app),
            ("GET", "/v1.0/secrets/secrets/kafka"),
            ("GET", "/v1.0/secrets/secrets/postgres"),
        )
        if app == PROJECTOR:
            see.holds(
                kafka.status == OK and bool(kafka.json()),
                f"{app} reads the secret kafka through Dapr; its entries: {', '.join(sorted(kafka.json()))}",
                else_=f"{kafka.status} {error_code(kafka)}",
            )
        else:
            see.holds(_is_refused(kafka.status), f"{app} may not read kafka: {kafka.status} {error_code(kafka)}")
        see.holds(
            _is_refused(postgres.status), f"{app} may not read postgres: {postgres.status} {error_code(postgres)}"
        )
        (other,) = ask_sidecar(kubectl, scene.cluster.a_pod(app), ("GET", "/v1.0/secrets/kubernetes/postgres"))
        see.holds(
            _is_refused(other.status),
            f"{app} may not read it from Dapr's built-in store: {other.status} {error_code(other)}",
        )


def _topics(scene: Scene, see: Notebook) -> None:
    kubectl = scene.cluster.kubectl
    (own,) = ask_sidecar(
        kubectl, scene.cluster.a_pod(PROJECTOR), ("POST", "/v1.0/publish/events/learnflow.events", "{}")
    )
    see.holds(own.status == _FORBIDDEN, f"{PROJECTOR} may not publish: {own.status} {error_code(own)}")
    for app in (COURSE_AGENT, USER_PROGRESS):
        (answer,) = ask_sidecar(kubectl, scene.cluster.a_pod(app), ("POST", "/v1.0/publish/events/another-topic", "{}"))
        see.holds(answer.status == _FORBIDDEN, f"{app} may not publish elsewhere: {answer.status} {error_code(answer)}")
    (metadata,) = ask_sidecar(kubectl, scene.cluster.a_pod(PROJECTOR), ("GET", "/v1.0/metadata"))
    subscriptions = metadata.json().get("subscriptions", [])
    see.holds(
        [(one["pubsubname"], one["topic"]) for one in subscriptions] == [("events", "learnflow.events")],
        f"{PROJECTOR}'s sidecar delivers from {', '.join(one['topic'] for one in subscriptions) or 'nothing'}",
    )


def _is_refused(status: int) -> bool:
    """403 by the policy; 401 and 500 are how Dapr says that an app has no such store at all."""
    return status in {401, _FORBIDDEN, 500}


CHECKS: Final = (
    Check(
        "invocation",
        "course-agent asks user-progress through Dapr for what it may, and nobody calls anything else",
        ("US1-1", "FR-003"),
        _invocation,
    ),
    Check("secrets", "Secrets come through Dapr, to those who need them", ("FR-003", "FR-004"), _secrets),
    Check("topics", "Who publishes and who subscribes is held by Dapr", ("FR-004", "SC-006", "US3-3"), _topics),
)
"""See `checks`."""
