"""What every pod of ours keeps to."""

import tomllib
from collections.abc import Iterator
from typing import Any, Final

from deploy.stack.service import CHECKOUT
from tests.manifests.breaking import APP, COURSE, JOB, POD, PROJECTOR, Policies, append, drop, put
from tests.manifests.objects import Objects, Pod, selects
from tests.manifests.quantities import quantity

USER: Final = 65532
SPREAD: Final = frozenset({"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
VERSION: Final = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def _containers(objects: Objects) -> Iterator[tuple[Pod, dict[str, Any], str]]:
    for pod in objects.pods():
        for container in pod.containers():
            yield pod, container, f"{pod.name} {container['name']}"


def runs_as_nobody_in_particular(objects: Objects) -> list[str]:
    """All run as a user that owns nothing: 65532, as the images have it; Kafka and Postgres as their images' own.

    Who breaks out of a process then has no rights on a node, and volumes are readable by numbers that match.
    """
    faults = []
    for pod in objects.pods():
        context = pod.spec.get("securityContext") or {}
        if context.get("runAsNonRoot") is not True:
            faults.append(f"{pod.name}: runAsNonRoot is not true")
        user, group = context.get("runAsUser"), context.get("runAsGroup")
        if not user or not group or (not pod.is_server and (user, group) != (USER, USER)):
            faults.append(f"{pod.name}: runs as {user}:{group}")
        for container in pod.containers():
            own = container.get("securityContext") or {}
            if {"runAsUser", "runAsGroup", "runAsNonRoot"} & own.keys():
                faults.append(f"{pod.name} {container['name']}: has a user of its own")
    return faults


def root_is_read_only(objects: Objects) -> list[str]:
    """What runs can't change its own program, and has /tmp, which is bounded, to write to.

    Kafka and Postgres are exempt: the public image of Kafka writes its configuration beside its program.
    """
    faults = []
    for pod, container, name in _containers(objects):
        if pod.is_server:
            continue
        if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
            faults.append(f"{name}: readOnlyRootFilesystem is not true")
        mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts") or []}
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes") or []}
        scratch = volumes.get(mounts.get("/tmp", ""), {}).get("emptyDir")  # noqa: S108 - a path in the container
        if not scratch or "sizeLimit" not in scratch:
            faults.append(f"{name}: /tmp is no emptyDir with a sizeLimit")
    return faults


def has_no_privileges(objects: Objects) -> list[str]:
    """No capability, no way to get one, the runtime's filter of system calls, and nothing of the node's.

    As the namespace's label `pod-security.kubernetes.io/enforce: restricted` demands, which would refuse the pods only
    when they are made: a Deployment that is accepted and never gets a pod.
    """
    faults = []
    for pod in objects.pods():
        context = pod.spec.get("securityContext") or {}
        if (context.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
            faults.append(f"{pod.name}: seccompProfile is not RuntimeDefault")
        faults += [f"{pod.name}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(key)]
        faults += [
            f"{pod.name}: volume {volume['name']} is of the node"
            for volume in pod.spec.get("volumes") or []
            if "hostPath" in volume
        ]
        if pod.has_sidecar and pod.annotations.get("dapr.io/sidecar-seccomp-profile-type") != "RuntimeDefault":
            faults.append(f"{pod.name}: dapr.io/sidecar-seccomp-profile-type is not RuntimeDefault")
    for _, container, name in _containers(objects):
        context = container.get("securityContext") or {}
        if context.get("allowPrivilegeEscalation") is not False:
            faults.append(f"{name}: allowPrivilegeEscalation is not false")
        capabilities = context.get("capabilities") or {}
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            faults.append(f"{name}: capabilities are not all dropped")
        if context.get("privileged") or "seccompProfile" in context:
            faults.append(f"{name}: has rights of its own")
    return faults


def says_what_it_needs(objects: Objects) -> list[str]:
    """Requests for the scheduler, and a limit of memory so that a leak ends one container and not a node's others.

    No limit of CPU: it would only make a process wait that could have run.
    """
    faults = []
    for _, container, name in _containers(objects):
        resources = container.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        if not {"cpu", "memory"} <= requests.keys() or "memory" not in limits:
            faults.append(f"{name}: requests {sorted(requests)}, limits {sorted(limits)}")
        elif quantity(requests["memory"]) > quantity(limits["memory"]):
            faults.append(f"{name}: wants more memory than it may have")
        if "cpu" in limits:
            faults.append(f"{name}: has a limit of CPU")
    for pod in objects.sidecars():
        wanted = [f"dapr.io/sidecar-{what}" for what in ("cpu-request", "memory-request", "memory-limit")]
        faults += [f"{pod.name}: no {key}" for key in wanted if key not in pod.annotations]
    return faults


def images_are_pinned(objects: Objects) -> list[str]:
    """A tag or digest that names one build, taken from the node if it is there: on Minikube it is nowhere else.

    A service's image is called as the service, under `learnflow/`, in whatever registry, which is the same for all; in
    pyproject.toml's version.
    """
    faults = []
    registries = set()
    for pod, container, name in _containers(objects):
        path, _, digest = container.get("image", "").partition("@")
        path, _, tag = path.rpartition(":") if ":" in path.rsplit("/", 1)[-1] else (path, "", "")
        if not digest and tag in {"", "latest"}:
            faults.append(f"{name}: image {container.get('image')} can change")
        if container.get("imagePullPolicy") != "IfNotPresent":
            faults.append(f"{name}: imagePullPolicy {container.get('imagePullPolicy')}")
        if pod.is_server:
            continue
        registry, _, called = path.rpartition("/")
        registries.add(registry)
        if path.split("/")[-2:-1] != ["learnflow"] or called not in objects.names_of_services:
            faults.append(f"{name}: image {path} is none of LearnFlow's")
        if pod.owner["kind"] == "Deployment" and called != pod.owner["metadata"]["name"]:
            faults.append(f"{name}: image {path} is another service's")
        if not digest and tag != VERSION:
            faults.append(f"{name}: tag {tag}, and the version is {VERSION}")
    return faults if len(registries) == 1 else [*faults, f"images are in {sorted(registries)}"]


def is_spread(objects: Objects) -> list[str]:
    """Replicas are on different nodes and zones where there are several, and run nevertheless where there is one.

    A constraint whose selector does not select the pod itself counts others, and spreads nothing.
    """
    faults = []
    for pod in objects.apps():
        constraints = pod.spec.get("topologySpreadConstraints") or []
        if {constraint["topologyKey"] for constraint in constraints} != SPREAD:
            faults.append(f"{pod.name}: not spread over nodes and zones")
        for constraint in constraints:
            if not selects(constraint.get("labelSelector"), pod.labels):
                faults.append(f"{pod.name}: {constraint['topologyKey']} does not count its own pods")
            if constraint["whenUnsatisfiable"] != "ScheduleAnyway":
                faults.append(f"{pod.name}: {constraint['topologyKey']} keeps it from running on one node")
    return faults


def has_no_service_links(objects: Objects) -> list[str]:
    """Kubernetes puts no variables of other Services into containers.

    Those of the Service `kafka` would be called KAFKA_PORT and the like, which the image of Kafka takes for settings.
    """
    return [
        f"{pod.name}: enableServiceLinks is not false"
        for pod in objects.pods()
        if pod.spec.get("enableServiceLinks") is not False
    ]


SECURITY: Final = (*APP, "securityContext")
RESOURCES: Final = (*APP, "resources")
POLICIES: Final[Policies] = {
    runs_as_nobody_in_particular: {
        "root may run": put(COURSE, *POD, "securityContext", "runAsNonRoot", value=False),
        "another user": put(COURSE, *POD, "securityContext", "runAsUser", value=1000),
        "root's group": put(JOB, *POD, "securityContext", "runAsGroup", value=0),
        "a container as root": put(PROJECTOR, *SECURITY, "runAsUser", value=0),
        "no user": drop(COURSE, *POD, "securityContext", "runAsUser"),
    },
    root_is_read_only: {
        "writable": put(COURSE, *SECURITY, "readOnlyRootFilesystem", value=False),
        "not said": drop(JOB, *SECURITY, "readOnlyRootFilesystem"),
        "no tmp": drop(PROJECTOR, *APP, "volumeMounts"),
        "tmp without bound": put(PROJECTOR, *POD, "volumes", 0, "emptyDir", value={}),
    },
    has_no_privileges: {
        "escalation": drop(COURSE, *SECURITY, "allowPrivilegeEscalation"),
        "a capability kept": put(COURSE, *SECURITY, "capabilities", value={"drop": ["NET_RAW"]}),
        "a capability added": put(JOB, *SECURITY, "capabilities", "add", value=["NET_ADMIN"]),
        "no filter": drop(PROJECTOR, *POD, "securityContext", "seccompProfile"),
        "no filter for the sidecar": drop(
            PROJECTOR, *POD[:-1], "metadata", "annotations", "dapr.io/sidecar-seccomp-profile-type"
        ),
        "the node's network": put(COURSE, *POD, "hostNetwork", value=True),
        "a folder of the node": append(COURSE, *POD, "volumes", value={"name": "host", "hostPath": {"path": "/"}}),
        "privileged": put(COURSE, *SECURITY, "privileged", value=True),
    },
    says_what_it_needs: {
        "no requests": drop(COURSE, *RESOURCES, "requests"),
        "no limit": drop(JOB, *RESOURCES, "limits"),
        "a limit of CPU": put(COURSE, *RESOURCES, "limits", "cpu", value="1"),
        "more than it may": put(COURSE, *RESOURCES, "requests", "memory", value="8Gi"),
        "an endless sidecar": drop(COURSE, *POD[:-1], "metadata", "annotations", "dapr.io/sidecar-memory-limit"),
    },
    images_are_pinned: {
        "latest": put(COURSE, *APP, "image", value="learnflow/course-agent:latest"),
        "no tag, with a port": put(COURSE, *APP, "image", value="localhost:5000/learnflow/course-agent"),
        "another's": put(COURSE, *APP, "image", value=f"learnflow/projector:{VERSION}"),
        "somebody's": put(JOB, *APP, "image", value=f"elsewhere/projector:{VERSION}"),
        "an old one": put(COURSE, *APP, "image", value="learnflow/course-agent:0.0.9"),
        "always pulled": put(COURSE, *APP, "imagePullPolicy", value="Always"),
    },
    is_spread: {
        "not at all": drop(COURSE, *POD, "topologySpreadConstraints"),
        "not over zones": drop(COURSE, *POD, "topologySpreadConstraints", 1),
        "counting others": put(
            COURSE, *POD, "topologySpreadConstraints", 0, "labelSelector", value={"matchLabels": {"app": "course"}}
        ),
        "not on one node": put(
            COURSE, *POD, "topologySpreadConstraints", 0, "whenUnsatisfiable", value="DoNotSchedule"
        ),
    },
    has_no_service_links: {"links": drop(COURSE, *POD, "enableServiceLinks")},
}
