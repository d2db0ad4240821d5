"""The overlay for Minikube in the cluster: applied, and waited for."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from deploy.images.build import ROOT, Image
from deploy.minikube.errors import CommandFailed, NotReady
from deploy.minikube.tools import Tools

NAMESPACE: Final = "learnflow"
SERVICES: Final = ROOT / "phase-3-backend-services"
OVERLAY: Final = SERVICES / "overlays" / "minikube"
INFRASTRUCTURE: Final = "app.kubernetes.io/component=infrastructure"
PORTS: Final = {"course-agent": 30081, "user-progress": 30082}
READY_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 2.0


def make_namespace(tools: Tools) -> None:
    """Have the namespace.

    Raises:
        CommandFailed: kubectl could not.
    """
    tools.kubectl("apply", f"--filename={SERVICES / 'base' / 'namespace.yaml'}")


def apply(tools: Tools, images: Sequence[Image]) -> None:
    """Apply the overlay with these images; Kafka and Postgres first, and the rest when they are ready.

    Raises:
        CommandFailed: the cluster refuses something.
        NotReady: Kafka or Postgres, or the log is not made.
    """
    with with_images(OVERLAY, {image.name: f"{image.name}:{image.tag}" for image in images}) as folder:
        tools.kubectl("apply", f"--kustomize={folder}", f"--selector={INFRASTRUCTURE}")
        wait(tools, "statefulset/kafka", "statefulset/postgres")
        # A Job can't be changed, only made again; it does no more than look where the log is there already.
        tools.kubectl(f"--namespace={NAMESPACE}", "delete", "job/create-log", "--ignore-not-found")
        said = tools.kubectl("apply", f"--kustomize={folder}")
    wait_for_job(tools, "create-log")
    if changes_what_was_read(said):
        tools.kubectl(f"--namespace={NAMESPACE}", "rollout", "restart", "deployment")


def changes_what_was_read(said: str) -> bool:
    """Whether something has changed that apps and sidecars read when they start, and never again.

    Args:
        said: by `kubectl apply`, a line for each object.
    """
    kinds = (
        "configmap/",
        "component.dapr.io/",
        "configuration.dapr.io/",
        "resiliency.dapr.io/",
        "subscription.dapr.io/",
    )
    return any(line.startswith(kinds) and line.endswith(" configured") for line in said.splitlines())


def deployments(tools: Tools) -> list[str]:
    """All that were applied, as `kubectl` names them.

    Raises:
        CommandFailed: kubectl could not ask.
    """
    return tools.kubectl(f"--namespace={NAMESPACE}", "get", "deployments", "--output=name").split()


def wait(tools: Tools, *what: str, seconds: float = READY_SECONDS) -> None:
    """Wait until Deployments or StatefulSets run as they were applied last.

    Raises:
        NotReady: one of them does not in time.
    """
    end = time.monotonic() + seconds
    for one in what:
        left = max(end - time.monotonic(), 1.0)
        try:
            tools.kubectl(
                *(f"--namespace={NAMESPACE}", "rollout", "status", one, f"--timeout={left:.0f}s"), seconds=left + 10
            )
        except CommandFailed as failure:
            raise NotReady(one, seconds, f"{failure.said}\n{_looks(tools)}") from failure


def wait_for_job(tools: Tools, name: str, *, pods: str = "", seconds: float = READY_SECONDS) -> str:
    """Wait until a Job has done its work; what its app said.

    Args:
        tools: of the cluster.
        name: of the Job.
        pods: a selector of those whose word counts; none given, all of the Job's.
        seconds: that it has.

    Raises:
        NotReady: it has failed for good, or takes longer.
    """
    end = time.monotonic() + seconds
    holds: set[str] = set()
    while time.monotonic() < end and not holds & {"Complete", "Failed"}:
        time.sleep(_LOOK_SECONDS)
        job: dict[str, Any] = json.loads(
            tools.kubectl(f"--namespace={NAMESPACE}", "get", f"job/{name}", "--output=json")
        )
        holds = {one["type"] for one in job["status"].get("conditions", ()) if one["status"] == "True"}
    said = _said(tools, pods or f"job-name={name}")
    if "Complete" not in holds:
        raise NotReady(f"job/{name}", seconds, f"{said}\n{_looks(tools)}")
    return said


def urls(tools: Tools) -> dict[str, str]:
    """Where the services with an API are reached, by their names.

    Raises:
        CommandFailed: minikube does not know its address.
    """
    host = tools.minikube("ip").strip()
    return {service: f"http://{host}:{port}" for service, port in PORTS.items()}


@contextmanager
def with_images(kustomization: Path, images: Mapping[str, str]) -> Iterator[Path]:
    """The folder of a kustomization that takes in another one with these images instead, by their names; for a time."""
    # kustomize takes no absolute paths, and nothing above the folder of a kustomization but other kustomizations.
    with TemporaryDirectory(prefix=".minikube-", dir=ROOT) as folder:
        instead = {name: image.rpartition(":") for name, image in images.items()}
        document = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(kustomization, folder)],
            "images": [{"name": name, "newName": new, "newTag": tag} for name, (new, _, tag) in instead.items()],
        }
        # Every JSON document is a YAML document as well.
        Path(folder, "kustomization.yaml").write_text(json.dumps(document), encoding="utf-8")
        yield Path(folder)


def _said(tools: Tools, pods: str) -> str:
    try:
        return tools.kubectl(f"--namespace={NAMESPACE}", "logs", f"--selector={pods}", "--container=app", "--tail=-1")
    except CommandFailed as failure:
        return f"its pods say nothing any more: {failure.said}"


def _looks(tools: Tools) -> str:
    pods = tools.kubectl(f"--namespace={NAMESPACE}", "get", "pods")
    events = tools.kubectl(
        *(f"--namespace={NAMESPACE}", "get", "events", "--field-selector=type=Warning"),
        *("--sort-by=.lastTimestamp", "--no-headers"),
    )
    return "\n".join([pods, *events.splitlines()[-10:]])
