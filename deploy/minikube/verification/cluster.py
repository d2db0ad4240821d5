"""Pods and workloads, as the cluster describes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.errors import NotThere, VerificationError
from deploy.minikube.verification.kubectl import Kubectl
from deploy.minikube.verification.waiting import wait_until

COURSE_AGENT: Final = "course-agent"
USER_PROGRESS: Final = "user-progress"
PROJECTOR: Final = "projector"
SERVICES: Final = (COURSE_AGENT, USER_PROGRESS, PROJECTOR)
KAFKA_POD: Final = "kafka-0"
POSTGRES_POD: Final = "postgres-0"
APP: Final = "app"
DAPRD: Final = "daprd"
NAME_LABEL: Final = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod.

    Attributes:
        image: as the pod names it.
        image_id: what was pulled or loaded under that name; empty before it has started.
        ready: whether it answers its probe.
        restarts: how often it was started again in this pod.
        last_end: why it was the last time, as Kubernetes calls it, such as `OOMKilled`; empty if it never was.
    """

    name: str
    image: str
    image_id: str
    ready: bool
    restarts: int
    last_end: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod.

    Attributes:
        uid: no other pod ever has it, not even one of the same name.
        app: the value of the label `app.kubernetes.io/name`; empty without one.
        ready: whether it counts as ready.
        leaving: whether it was asked to end.
        containers: those that run as long as the pod does, by name; also sidecars among the init containers.
    """

    name: str
    uid: str
    app: str
    ready: bool
    leaving: bool
    containers: Mapping[str, Container]

    @property
    def usable(self) -> bool:
        """Whether it can be asked something."""
        return self.ready and not self.leaving


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment.

    Attributes:
        wanted: how many replicas there are to be.
        settled: whether so many are there, available, and of its present template, and no other.
    """

    name: str
    wanted: int
    settled: bool


def pod_of(description: Mapping[str, Any]) -> Pod:
    """A pod, from its JSON."""
    metadata, spec, status = description["metadata"], description["spec"], description.get("status", {})
    lasting = [one for one in spec.get("initContainers", []) if one.get("restartPolicy") == "Always"]
    said = {one["name"]: one for part in ("initContainerStatuses", "containerStatuses") for one in status.get(part, [])}
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        app=metadata.get("labels", {}).get(NAME_LABEL, ""),
        ready=any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", [])),
        leaving="deletionTimestamp" in metadata,
        containers={one["name"]: _container(one, said.get(one["name"], {})) for one in [*lasting, *spec["containers"]]},
    )


def deployment_of(description: Mapping[str, Any]) -> Deployment:
    """A Deployment, from its JSON."""
    metadata, spec, status = description["metadata"], description["spec"], description.get("status", {})
    wanted = spec.get("replicas", 1)
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")}
    known = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    return Deployment(metadata["name"], wanted, settled=known and counts == {wanted})


class Cluster:
    """The namespace that LearnFlow is deployed to.

    Attributes:
        kubectl: that it is asked with.
    """

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def pods(self, app: str | None = None) -> list[Pod]:
        """Pods of an app, or all; ended ones of jobs are left out. By name."""
        selector = () if app is None else (f"--selector={NAME_LABEL}={app}",)
        found = self.kubectl.json("get", "pods", *selector)["items"]
        running = [one for one in found if one.get("status", {}).get("phase") not in {"Succeeded", "Failed"}]
        return sorted((pod_of(one) for one in running), key=lambda pod: pod.name)

    def a_pod(self, app: str) -> Pod:
        """A pod of an app that can be asked something.

        Raises:
            NotThere: there is none.
        """
        for pod in self.pods(app):
            if pod.usable:
                return pod
        raise NotThere(f"no pod of {app} is ready in namespace {self.kubectl.namespace}")

    def deployment(self, name: str) -> Deployment:
        """A Deployment.

        Raises:
            VerificationError: there is none, or the cluster does not answer.
        """
        return deployment_of(self.kubectl.json("get", "deployment", name))

    def wait_settled(self, app: str, *, seconds: float) -> float:
        """Wait until a Deployment has all its replicas, ready, and no pod of it is on its way out.

        Returns:
            The seconds that took.

        Raises:
            NotInTime: it has not in time.
        """

        def trouble() -> str | None:
            try:
                # In this order: a pod that the Deployment counts no more is seen to be on its way out.
                settled = self.deployment(app).settled
                pods = self.pods(app)
            except VerificationError as error:  # the API server may be slow for a moment; the time is bounded
                return str(error)
            if settled and pods and all(pod.usable for pod in pods):
                return None
            return f"pods: {describe(pods)}"

        return wait_until(trouble, what=f"all pods of {app} are ready", seconds=seconds)

    def wait_replaced(self, old: Pod, *, seconds: float) -> float:
        """Wait until a pod of a StatefulSet is gone and the next one of its name is ready.

        Returns:
            The seconds that took.

        Raises:
            NotInTime: it is not in time.
        """

        def trouble() -> str | None:
            try:
                pods = [pod for pod in self.pods() if pod.name == old.name]
            except VerificationError as error:
                return str(error)
            if pods and pods[0].uid != old.uid and pods[0].usable:
                return None
            return f"pods: {describe(pods)}"

        return wait_until(trouble, what=f"{old.name} is there again", seconds=seconds)


def restarted(before: Iterable[Pod], after: Iterable[Pod]) -> dict[tuple[str, str], str]:
    """Containers that were started again in their pods between two looks.

    Returns:
        By the pod's uid and the container's name, what there is to say about it.
    """
    earlier = {pod.uid: pod for pod in before}
    return {
        (pod.uid, name): f"{name} of {pod.name}: {one.last_end or 'no reason given'}"
        for pod in after
        if pod.uid in earlier
        for name, one in pod.containers.items()
        if name in earlier[pod.uid].containers and one.restarts > earlier[pod.uid].containers[name].restarts
    }


def describe(pods: list[Pod]) -> str:
    """Pods in a line, for people."""
    if not pods:
        return "none"
    return ", ".join(
        f"{pod.name} {sum(one.ready for one in pod.containers.values())}/{len(pod.containers)}"
        f"{' leaving' if pod.leaving else ''}"
        for pod in pods
    )


def _container(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Container:
    return Container(
        name=spec["name"],
        image=spec.get("image", ""),
        image_id=status.get("imageID", ""),
        ready=bool(status.get("ready", False)),
        restarts=int(status.get("restartCount", 0)),
        last_end=status.get("lastState", {}).get("terminated", {}).get("reason", ""),
    )
