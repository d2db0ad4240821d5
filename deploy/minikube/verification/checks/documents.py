"""The state store: rows in Postgres, and the same through Dapr."""

from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS
from deploy.minikube.verification.database import DOCUMENTS
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.kubectl import read_json
from deploy.minikube.verification.scene import OK, Scene, including
from deploy.minikube.verification.sidecars import ask_sidecar, state_path

_STORE: Final = "documents"


def _rows(scene: Scene, see: Notebook) -> None:
    story = scene.story
    including(scene.user_progress, "/status", story.last_token, learner_id=story.learner)
    generation = scene.postgres.generation()
    row = scene.postgres.row(f"g{generation}/learner/{story.learner}")
    document = read_json(row.value.decode(), row.key)
    see.holds(
        document["totals"]["events"] == 3 and story.lesson_id in document["lessons"],  # noqa: PLR2004 - the story's commands
        f"table {DOCUMENTS} has the row {row.key}: {len(row.value)} bytes, etag {row.etag}, 3 events",
    )
    lesson = scene.postgres.row(f"g{generation}/lesson/{story.lesson_id}")
    recorded = story.lesson.json()["lesson"]
    see.holds(
        read_json(lesson.value.decode(), lesson.key)["title"] == recorded["title"],
        f"and {lesson.key}: {len(lesson.value)} bytes, {recorded['title']!r}",
    )
    counts = scene.postgres.rows(
        f"SELECT split_part(key, '/', 2) AS kind, count(*) AS number FROM {DOCUMENTS} WHERE key LIKE 'g%' GROUP BY 1 ORDER BY 1"  # noqa: S608, E501
    )
    see.note(", ".join(f"{one['number']} {one['kind']}" for one in counts))


def _through_dapr(scene: Scene, see: Notebook) -> None:
    story = scene.story
    including(scene.user_progress, "/status", story.last_token, learner_id=story.learner)
    row = scene.postgres.row(f"g{scene.postgres.generation()}/learner/{story.learner}")
    for app in (COURSE_AGENT, USER_PROGRESS):
        pod = scene.cluster.a_pod(app)
        (answer,) = ask_sidecar(scene.cluster.kubectl, pod, ("GET", state_path(_STORE, row.key)))
        see.holds(
            (answer.status, answer.body, answer.headers.get("etag")) == (OK, row.value, row.etag),
            f"{app}: GET {state_path(_STORE, row.key)} of its sidecar answers the row's bytes and etag",
            else_=f"{answer.describe()}, {len(answer.body)} bytes, etag {answer.headers.get('etag')}",
        )


CHECKS: Final = (
    Check("rows", "Documents are rows of Postgres", ("US3-2", "FR-003", "SC-005"), _rows),
    Check(
        "state-through-dapr",
        "Both services' sidecars read the same from it",
        ("US3-2", "FR-003", "SC-005"),
        _through_dapr,
    ),
)
"""See `checks`."""
