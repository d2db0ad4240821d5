"""What NetworkPolicies let through, computed as Kubernetes describes it: from whom, to whom, to which port.

A flow needs both ends: the sender's policies for egress, if any selects it, and the receiver's for ingress, if any
does. Policies only add to each other. Whoever no policy selects, in a direction, may do everything in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from tests.manifests.objects import Objects, selects

NAMESPACE: Final = "learnflow"
NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
INJECTED: Final = "dapr.io/sidecar-injected"


@dataclass(frozen=True)
class Peer:
    """One end of a flow.

    Attributes:
        name: how it is called in tables.
        namespace: where the pod is; `None` for what is no pod: the API server, or a machine elsewhere.
        labels: of the pod.
        ports: its named ports.
    """

    name: str
    namespace: str | None
    labels: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Flow:
    """That something may send to something else."""

    source: str
    target: str
    port: int
    protocol: str = "TCP"

    @override
    def __str__(self) -> str:
        return f"{self.source} -> {self.target}:{self.port}/{self.protocol}"


NEW: Final = "a new pod"
"""In the namespace, and named by no policy: what is added next, or by somebody else."""
OUTSIDE: Final = (
    Peer("kube-system", "kube-system", {"k8s-app": "kube-dns"}),
    Peer("dapr-system", "dapr-system", {"app": "dapr-placement-server"}),
    Peer("monitoring", "monitoring"),
    Peer("another namespace", "default", {"app.kubernetes.io/name": "kafka"}),
    Peer("gateway", "gateway"),
    Peer("no pod", None),
)
"""Who is not in the namespace. The one in `default` bears a label of ours, which must not help it."""


def peers(objects: Objects) -> list[Peer]:
    """The pods of the manifests, one for each app-id or server, with sidecars injected; a new one; and others."""
    found = {}
    for pod in objects.pods():
        name = pod.app_id or pod.owner["metadata"]["name"]
        ports = {
            port["name"]: port["containerPort"]
            for container in pod.containers()
            for port in container.get("ports") or []
            if "name" in port
        }
        labels = pod.labels | ({INJECTED: "true"} if pod.has_sidecar else {})
        found[name] = Peer(name, NAMESPACE, labels, ports)
    return [*found.values(), Peer(NEW, NAMESPACE, {"app.kubernetes.io/name": "new"}), *OUTSIDE]


def flows(objects: Objects, ports: Iterable[tuple[int, str]]) -> set[Flow]:
    """What is let through from or to pods of ours, of these ports."""
    policies = [policy["spec"] for policy in objects.of("NetworkPolicy")]
    everybody = peers(objects)
    return {
        Flow(source.name, target.name, port, protocol)
        for port, protocol in ports
        for source in everybody
        for target in everybody
        if source is not target
        and NAMESPACE in {source.namespace, target.namespace}
        and _allows(policies, "Egress", source, target, target, (port, protocol))
        and _allows(policies, "Ingress", target, source, target, (port, protocol))
    }


def _allows(
    policies: list[dict[str, Any]], way: str, subject: Peer, other: Peer, target: Peer, port: tuple[int, str]
) -> bool:
    if subject.namespace != NAMESPACE:
        return True
    ours = [policy for policy in policies if selects(policy["podSelector"], subject.labels) and way in _types(policy)]
    rules, ends = (way.lower(), "to" if way == "Egress" else "from")
    return not ours or any(
        _is_one_of(rule.get(ends), other) and _is_port_of(rule.get("ports"), target, port)
        for policy in ours
        for rule in policy.get(rules) or []
    )


def _types(policy: dict[str, Any]) -> list[str]:
    # As a server fills it in: ingress always, egress where there are rules for it.
    found: list[str] = policy.get("policyTypes") or ["Ingress", *(["Egress"] if policy.get("egress") else [])]
    return found


def _is_one_of(ends: list[dict[str, Any]] | None, peer: Peer) -> bool:
    return not ends or any(_is(end, peer) for end in ends)


def _is(end: dict[str, Any], peer: Peer) -> bool:
    if "ipBlock" in end:
        return peer.namespace is None
    if peer.namespace is None:
        return False
    if "namespaceSelector" in end:
        there = selects(end["namespaceSelector"], {NAMESPACE_LABEL: peer.namespace})
    else:
        there = peer.namespace == NAMESPACE
    return there and ("podSelector" not in end or selects(end["podSelector"], peer.labels))


def _is_port_of(allowed: list[dict[str, Any]] | None, target: Peer, port: tuple[int, str]) -> bool:
    number, protocol = port
    for one in allowed or []:
        wanted = one.get("port", number)
        first = target.ports.get(wanted) if isinstance(wanted, str) else wanted
        if (
            one.get("protocol", "TCP") == protocol
            and first is not None
            and first <= number <= one.get("endPort", first)
        ):
            return True
    return not allowed
