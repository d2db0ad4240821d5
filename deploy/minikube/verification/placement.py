"""Dapr's placement service: who hosts which actor types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.errors import NotThere, VerificationError
from deploy.minikube.verification.kubectl import Kubectl, read_json

DAPR_NAMESPACE: Final = "dapr-system"
_SELECTOR: Final = "app=dapr-placement-server"
_HEALTH_PORT: Final = 8080


@dataclass(frozen=True, slots=True)
class Host:
    """A sidecar in placement's table.

    Attributes:
        app_id: whose sidecar it is.
        namespace: of its pod.
        address: where other sidecars find it.
        actor_types: that its app hosts.
    """

    app_id: str
    namespace: str
    address: str
    actor_types: tuple[str, ...]


def hosts_of(state: Mapping[str, Any]) -> tuple[Host, ...]:
    """The hosts in the answer of `/placement/state`, of all its tables, without one that appears twice."""
    found = dict[Host, None]()
    for name, table in (state.get("tables") or {}).items():
        for host in table.get("hosts") or []:
            types = tuple(sorted(host.get("entities") or []))
            found[Host(host["id"], host.get("namespace") or name, host["name"], types)] = None
    return tuple(found)


def placement_table(kubectl: Kubectl) -> tuple[Host, ...]:
    """Everybody in placement's table. Of several placement pods the leader alone knows.

    Raises:
        NotThere: there is no placement service, or none that tells.
        VerificationError: the cluster does not answer.
    """
    found = kubectl.json("get", "pods", f"--namespace={DAPR_NAMESPACE}", f"--selector={_SELECTOR}")["items"]
    names = [pod["metadata"]["name"] for pod in found]
    silent: list[str] = []
    for name in names:
        path = f"/api/v1/namespaces/{DAPR_NAMESPACE}/pods/{name}:{_HEALTH_PORT}/proxy/placement/state"
        try:
            hosts = hosts_of(read_json(kubectl.raw(path), name))
        except VerificationError as error:
            silent.append(f"{name}: {error}")
            continue
        if hosts:
            return hosts
        silent.append(f"{name}: its table is empty")
    raise NotThere(
        f"no placement service tells its table ({'; '.join(silent) or f'no pod {_SELECTOR} in {DAPR_NAMESPACE}'});"
        " it does with --metadata-enabled, in Dapr's Helm chart `dapr_placement.metadataEnabled`"
    )
