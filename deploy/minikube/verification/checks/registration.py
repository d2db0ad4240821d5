"""Dapr's placement service, and the agents that it places."""

import json
from typing import Any, Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS
from deploy.minikube.verification.database import AGENTS
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.placement import placement_table
from deploy.minikube.verification.scene import OK, Scene
from deploy.minikube.verification.sidecars import ask_sidecar

ACTOR_TYPES: Final = {COURSE_AGENT: "CourseAgent", USER_PROGRESS: "ProgressAgent"}
_QUESTION: Final[dict[str, Any]] = {
    "status_version": "0" * 32,
    "digest": {
        "lessons_known": 1,
        "lessons_completed": 1,
        "average_score_percent": 85,
        "minutes_spent": 21,
        "streak_days": 1,
        "achievements": [],
        "lessons": [],
        "concepts": [],
        "next": [],
    },
}
_OUTCOMES: Final = frozenset({"authored", "nothing-taken", "nothing-to-write", "done-before", "failed", "tried-before"})


def _table(scene: Scene, see: Notebook) -> None:
    hosts = placement_table(scene.cluster.kubectl)
    for app, actor_type in ACTOR_TYPES.items():
        pods = scene.cluster.pods(app)
        found = [
            host
            for host in hosts
            if (host.app_id, host.namespace) == (app, scene.cluster.kubectl.namespace)
            and actor_type in host.actor_types
        ]
        see.holds(
            len(found) == len(pods) > 0,
            f"placement's table names {app} as host of {actor_type}: {', '.join(host.address for host in found)}"
            f" ({len(pods)} pods)",
            else_=f"{len(found)} hosts for {len(pods)} pods; the table: {', '.join(map(str, hosts))}",
        )


def _connected(scene: Scene, see: Notebook) -> None:
    for app, actor_type in ACTOR_TYPES.items():
        for pod in scene.cluster.pods(app):
            (answer,) = ask_sidecar(scene.cluster.kubectl, pod, ("GET", "/v1.0/metadata"))
            runtime = answer.json()["actorRuntime"]
            types = [one["type"] for one in runtime.get("activeActors", [])]
            see.holds(
                runtime["placement"] == "placement: connected" and runtime["hostReady"] and actor_type in types,
                f"{pod.name}: its sidecar says `{runtime['placement']}`, hosts {', '.join(types)}",
                else_=json.dumps(runtime),
            )


def _turns(scene: Scene, see: Notebook) -> None:
    story, kubectl = scene.story, scene.cluster.kubectl
    # Each is asked for at the other service's sidecar: only placement can tell that one where the actor is.
    path = f"/v1.0/actors/ProgressAgent/{story.learner}/method/advise"
    (advice,) = ask_sidecar(kubectl, scene.cluster.a_pod(COURSE_AGENT), ("POST", path, json.dumps(_QUESTION)))
    see.holds(
        advice.status == OK and bool(advice.json().get("text")),
        f"ProgressAgent {story.learner}, asked at course-agent's sidecar, advises in user-progress",
        else_=f"{advice.status} {advice.body[:200]!r}",
    )
    lesson = next(
        one.event["data"]
        for one in scene.log.records(story.log_before, story.learner)
        if one.event["id"] == story.lesson.json()["event_id"]
    )
    path = f"/v1.0/actors/CourseAgent/{story.learner}/method/author"
    (report,) = ask_sidecar(kubectl, scene.cluster.a_pod(USER_PROGRESS), ("POST", path, json.dumps(lesson)))
    see.holds(
        report.status == OK and report.json().get("outcome") in _OUTCOMES,
        f"CourseAgent {story.learner}, asked at user-progress's sidecar, looks at the lesson in course-agent"
        f" (outcome: {report.json().get('outcome') if report.status == OK else '-'})",
        else_=f"{report.status} {report.body[:200]!r}",
    )
    rows = scene.postgres.rows(
        f"SELECT key FROM {AGENTS} WHERE key LIKE '%||' || :'learner' || '||%' ORDER BY key",  # noqa: S608 - our table
        learner=story.learner,
    )
    see.holds(
        {one["key"].split("||")[1] for one in rows} == set(ACTOR_TYPES.values()),
        f"both remember it in table {AGENTS}: {', '.join(one['key'] for one in rows)}",
    )


CHECKS: Final = (
    Check(
        "placement-table", "Placement's table names both services' actor types", ("US3-1", "FR-011", "SC-004"), _table
    ),
    Check(
        "placement-connected", "Their sidecars are connected to placement", ("US3-1", "FR-011", "SC-004"), _connected
    ),
    Check("actors", "Placement finds their actors, from any sidecar", ("FR-011", "SC-004", "US3-2"), _turns),
)
"""See `checks`."""
