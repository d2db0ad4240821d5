"""What runs: nodes, pods, containers, and what an app may do in its container."""

import hashlib
from pathlib import Path
from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import (
    APP,
    DAPRD,
    KAFKA_POD,
    POSTGRES_POD,
    PROJECTOR,
    SERVICES,
    describe,
)
from deploy.minikube.verification.errors import VerificationError
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.in_pod import SELF, SIDECAR, ask_in
from deploy.minikube.verification.resources import resources
from deploy.minikube.verification.scene import Scene
from deploy.minikube.verification.sidecars import ask_sidecar

_UNAUTHORIZED: Final = 401
_MINIKUBE: Final = "minikube.k8s.io/name"


def _minikube(scene: Scene, see: Notebook) -> None:
    nodes = scene.cluster.kubectl.json("get", "nodes")["items"]
    for node in nodes:
        info, labels = node["status"]["nodeInfo"], node["metadata"]["labels"]
        see.holds(
            _MINIKUBE in labels,
            f"node {node['metadata']['name']} belongs to Minikube {labels.get('minikube.k8s.io/version', '')}"
            f" (profile {labels.get(_MINIKUBE, '-')}, Kubernetes {info['kubeletVersion']},"
            f" {info['containerRuntimeVersion']})",
        )
    if not nodes:
        see.fails("the cluster has no node")


def _ready(scene: Scene, see: Notebook) -> None:
    for app in SERVICES:
        deployment, pods = scene.cluster.deployment(app), scene.cluster.pods(app)
        see.holds(
            deployment.settled and len(pods) == deployment.wanted,
            f"{app}: {deployment.wanted} of {deployment.wanted} replicas are available, all of the present template",
            else_=f"pods: {describe(pods)}",
        )
        for pod in pods:
            see.holds(
                {APP, DAPRD} <= pod.containers.keys() and all(one.ready for one in pod.containers.values()),
                f"{pod.name}: all of {len(pod.containers)} containers are ready: {', '.join(pod.containers)}",
                else_=describe([pod]),
            )
            see.note(
                f"{pod.name}: image {pod.containers[APP].image}; sidecar {pod.containers[DAPRD].image};"
                f" started again {sum(one.restarts for one in pod.containers.values())} times"
            )
    others = {pod.name: pod for pod in scene.cluster.pods() if pod.app not in SERVICES}
    for name in (KAFKA_POD, POSTGRES_POD):
        see.holds(name in others and others[name].usable, f"{name} is ready", else_=describe(list(others.values())))
    _note_resources(scene, see)


def _note_resources(scene: Scene, see: Notebook) -> None:
    try:
        used = resources(scene.cluster.kubectl)
    except VerificationError as error:
        see.note(f"what containers use is not to be had: {error}")
        return
    for one in used:
        see.note(f"{one.pod}, {one.container}: {one.memory_mib} MiB, {one.cpu_seconds:.0f} s of CPU since it started")


def _sidecars(scene: Scene, see: Notebook) -> None:
    for app in SERVICES:
        for pod in scene.cluster.pods(app):
            (answer,) = ask_sidecar(scene.cluster.kubectl, pod, ("GET", "/v1.0/metadata"))
            metadata = answer.json()
            components = {one["name"]: one["type"] for one in metadata.get("components", [])}
            see.holds(
                metadata["id"] == app,
                f"{pod.name}: its sidecar is daprd {metadata['runtimeVersion']}, app-id {app}",
                else_=f"app-id {metadata['id']}",
            )
            see.holds(
                components.get("events") == "pubsub.kafka" and components.get("documents") == "state.postgresql",
                f"{pod.name}: components {', '.join(f'{name} ({kind})' for name, kind in sorted(components.items()))}",
            )
            (unnamed,) = ask_in(
                scene.cluster.kubectl, pod, SIDECAR, [{"method": "GET", "path": "/v1.0/metadata", "token": False}]
            )
            see.holds(
                unnamed["status"] == _UNAUTHORIZED,
                f"{pod.name}: a call of the sidecar's API without the token is refused (401)",
                else_=f"it answers {unnamed['status']}",
            )


def _images(scene: Scene, see: Notebook) -> None:
    for app in SERVICES:
        pod = scene.cluster.a_pod(app)
        image = pod.containers[APP]
        see.note(f"{app}: {image.image}, {image.image_id}")
        seen = ask_in(scene.cluster.kubectl, pod, SELF, {"resolve": []})
        folder = scene.checkout / "phase-3-backend-services" / app
        see.holds(
            seen["command"][1:] == ["/app/main.py"],
            f"{app}: the container runs `{' '.join(seen['command'])}` on Python {seen['python']}",
        )
        other = [name for name, digest in seen["files"].items() if digest != _digest(folder / name)]
        see.holds(
            "main.py" in seen["files"] and not other,
            f"{app}: what /app holds ({', '.join(seen['files'])}) is phase-3-backend-services/{app}'s, byte for byte",
            else_=f"different: {', '.join(other) or 'there is no main.py'}",
        )
        see.holds(
            seen["sbom_components"] > 0,
            f"{app}: the image lists what it consists of (SBOM): {seen['sbom_components']} components",
        )
        see.holds(
            not seen["tools"], f"{app}: no build tools in the image", else_=f"there are {', '.join(seen['tools'])}"
        )


def _confined(scene: Scene, see: Notebook) -> None:
    for app in SERVICES:
        pod = scene.cluster.a_pod(app)
        seen = ask_in(scene.cluster.kubectl, pod, SELF, {"resolve": []})
        see.holds(
            seen["uid"] != 0 and seen["gid"] != 0,
            f"{app}: it runs as {seen['uid']}:{seen['gid']}, not as root",
        )
        places, writable = seen["refused"], [place for place, refusal in seen["refused"].items() if refusal is None]
        see.holds(
            not writable and seen["tmp"] is None,
            f"{app}: a file can be made in /tmp, and in {', '.join(places)} it can't"
            f" ({', '.join({*places.values()} - {None})})",
            else_=f"writable: {', '.join(writable) or 'not even /tmp'}",
        )
        see.holds(
            seen["capabilities"] == 0 and seen["no_new_privileges"] and seen["seccomp"] == 2,  # noqa: PLR2004 - a filter
            f"{app}: no capabilities, no new privileges, seccomp filters system calls",
            else_=f"CapEff {seen['capabilities']:x}, NoNewPrivs {seen['no_new_privileges']}, Seccomp {seen['seccomp']}",
        )
        if app == PROJECTOR:
            see.note(
                f"{app}: a token of its ServiceAccount, for its sidecar's secret store: {seen['service_account_token']}"
            )
        else:
            see.holds(not seen["service_account_token"], f"{app}: no token of the Kubernetes API in the container")


def _digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


CHECKS: Final = (
    Check("minikube", "The cluster is a Minikube", ("FR-012", "SC-003"), _minikube),
    Check(
        "pods",
        "All pods are ready, with sidecars injected",
        ("FR-012", "SC-001", "SC-002", "SC-003", "US3-1"),
        _ready,
    ),
    Check(
        "sidecars",
        "Each sidecar serves its app, with the components of Kafka and Postgres, and nobody without the token",
        ("FR-003", "FR-004", "US3-1"),
        _sidecars,
    ),
    Check(
        "images", "Containers run what the folder holds, and no build tools", ("FR-010", "SC-003", "SC-008"), _images
    ),
    Check("confined", "Apps run without root, with a read-only root file system", ("FR-010",), _confined),
)
"""See `checks`."""
