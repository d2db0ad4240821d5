"""How the services are reached, and what they say they are."""

import json
from typing import Any, Final

from deploy.minikube.verification.api import Client
from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.in_pod import SELF, ask_in
from deploy.minikube.verification.scene import OK, Scene

_ABSENT: Final = object()


def _reached(scene: Scene, see: Notebook) -> None:
    kubectl = scene.cluster.kubectl
    for app, client in _clients(scene).items():
        for path in ("/healthz", "/readyz"):
            answer = client.get(path)
            see.holds(
                answer.status == OK,
                f"{app}: GET {client.url}{path} answers 200 {_line(answer.body)}",
                else_=answer.describe(),
            )
        path = f"/api/v1/namespaces/{kubectl.namespace}/services/{app}:80/proxy/healthz"
        said = kubectl.raw(path)
        see.holds(
            '"alive"' in said, f"{app}: through port 80 of its Service, from the API server: {_line(said.encode())}"
        )
    address = kubectl.json("get", "service", COURSE_AGENT)["spec"]["clusterIP"]
    names = [COURSE_AGENT, f"{COURSE_AGENT}.{kubectl.namespace}.svc.cluster.local"]
    seen = ask_in(kubectl, scene.cluster.a_pod(USER_PROGRESS), SELF, {"resolve": names})["addresses"]
    see.holds(
        set(seen.values()) == {address},
        f"in a pod, {' and '.join(names)} are {address}, its ClusterIP",
        else_=str(seen),
    )


def _fastapi(scene: Scene, see: Notebook) -> None:
    for app, client in _clients(scene).items():
        versions = ask_in(scene.cluster.kubectl, scene.cluster.a_pod(app), SELF, {"resolve": []})["versions"]
        see.holds(
            bool(versions["fastapi"]),
            f"{app}: FastAPI {versions['fastapi']}, Dapr's SDK {versions['dapr']}, LearnFlow {versions['learnflow']}",
        )
        answer = client.get("/openapi.json")
        committed = json.loads((scene.checkout / f"docs/contracts/{app}.openapi.json").read_text(encoding="utf-8"))
        description = answer.json()
        see.holds(
            answer.status == OK and description == committed,
            f"{app}: the description that FastAPI makes of it (OpenAPI {description['openapi']},"
            f" {len(description['paths'])} paths) is docs/contracts/{app}.openapi.json",
            else_=f"different: {', '.join(sorted(_differences(description, committed)))}",
        )


def _differences(served: Any, committed: Any, place: str = "") -> set[str]:
    """Where two JSON documents differ, as JSON pointers."""
    if isinstance(served, dict) and isinstance(committed, dict):
        return set[str]().union(
            *(
                _differences(served.get(name, _ABSENT), committed.get(name, _ABSENT), f"{place}/{name}")
                for name in served.keys() | committed.keys()
            )
        )
    return set() if served == committed else {place or "all of it"}


def _clients(scene: Scene) -> dict[str, Client]:
    return {COURSE_AGENT: scene.course_agent, USER_PROGRESS: scene.user_progress}


def _line(body: bytes) -> str:
    return " ".join(body.decode("utf-8", "replace").split())


CHECKS: Final = (
    Check("reached", "Both services are reached through their Services", ("SC-001", "SC-002", "FR-012"), _reached),
    Check("fastapi", "Both services are FastAPI applications with the published API", ("FR-001", "FR-002"), _fastapi),
)
"""See `checks`."""
