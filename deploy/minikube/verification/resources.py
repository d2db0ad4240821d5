"""What containers use, as the kubelet of their node has it; no metrics server is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.kubectl import Kubectl, read_json

_MIB: Final = 1 << 20
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses.

    Attributes:
        memory_mib: that can't be taken from it: its working set.
        cpu_seconds: since it was started.
    """

    pod: str
    container: str
    memory_mib: int
    cpu_seconds: float


def resources(kubectl: Kubectl) -> list[Use]:
    """What every container of the namespace uses now, by pod and container.

    Raises:
        VerificationError: a kubelet does not say, or may not be asked.
    """
    found: list[Use] = []
    for node in kubectl.json("get", "nodes")["items"]:
        name = node["metadata"]["name"]
        summary = read_json(kubectl.raw(f"/api/v1/nodes/{name}/proxy/stats/summary"), f"the kubelet of {name}")
        found += uses_of(summary, kubectl.namespace)
    return sorted(found, key=lambda one: (one.pod, one.container))


def uses_of(summary: Mapping[str, Any], namespace: str) -> list[Use]:
    """What the containers of a namespace use, from a kubelet's summary; one that it has no figures of yet counts 0."""
    return [
        Use(
            pod=pod["podRef"]["name"],
            container=container["name"],
            memory_mib=container.get("memory", {}).get("workingSetBytes", 0) // _MIB,
            cpu_seconds=container.get("cpu", {}).get("usageCoreNanoSeconds", 0) / _NANOSECONDS,
        )
        for pod in summary.get("pods", [])
        if pod["podRef"]["namespace"] == namespace
        for container in pod.get("containers", [])
    ]
