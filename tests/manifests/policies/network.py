"""Who may talk to whom."""

from typing import Final

from tests.manifests.breaking import Policies, add, append, drop, put, remove
from tests.manifests.flows import NEW, Flow, flows
from tests.manifests.objects import NAME_LABEL, OPERATORS, Objects

KAFKA: Final = 9092
POSTGRES: Final = 5432
METRICS: Final = 9090
SIDECAR_TO_SIDECAR: Final = 50002
# operator, sentry, placement, scheduler: the ports of their pods, not of their Services.
CONTROL_PLANE: Final = (6500, 50001, 50005, 50006)
# Of a managed Kafka, whichever it has; and Postgres.
MANAGED: Final = (9092, 9093, 9094, 9096, 5432)
# Where Kubernetes' API server may listen: for those whose sidecars read a secret.
API_SERVER: Final = (443, 6443, 8443)
GATEWAY: Final = "gateway"
NO_POD: Final = "no pod"
ELSEWHERE: Final = {"kube-system", "dapr-system", "monitoring", GATEWAY, "another namespace", NO_POD}
PORTS: Final = (
    *((53, protocol) for protocol in ("TCP", "UDP")),
    *((port, "TCP") for port in (22, 80, 3500, 3501, METRICS, POSTGRES, SIDECAR_TO_SIDECAR, 65535)),
    *((port, "TCP") for port in {*CONTROL_PLANE, *MANAGED, *API_SERVER} - {POSTGRES}),
    (SIDECAR_TO_SIDECAR, "UDP"),
)
"""What is tried besides apps' ports: each port that something listens on, and some that nothing should."""


def _sidecars(objects: Objects) -> set[str]:
    return objects.names_of_services | {OPERATORS}


def _everywhere(objects: Objects, servers: set[str], callers: set[str]) -> set[Flow]:
    """What is so in every deployment, with these servers and with callers from these places."""
    sidecars = _sidecars(objects)
    everyone = {*sidecars, *servers, NEW}
    projecting = objects.serving("projector")
    return {
        # DNS, for all: pods of it, or a cache on the node.
        *(Flow(pod, dns, 53, way) for pod in everyone for dns in ("kube-system", NO_POD) for way in ("TCP", "UDP")),
        # Each sidecar to each other, by mutual TLS; and all of them to Dapr's control plane.
        *(Flow(one, other, SIDECAR_TO_SIDECAR) for one in sidecars for other in sidecars - {one}),
        *(Flow(pod, "dapr-system", port) for pod in sidecars for port in CONTROL_PLANE),
        # The APIs, for no pod of ours; the projector has none.
        *(
            Flow(caller, service.name, service.port)
            for caller in callers
            for service in objects.services
            if service.name not in projecting
        ),
        *(Flow(pod, other, port) for pod in objects.readers for other in ELSEWHERE for port in API_SERVER),
    }


def denied_by_default(objects: Objects) -> list[str]:
    """One policy selects every pod, for both directions, and allows nothing: what is not thought of is denied.

    The others select the pods that are there now. This one is for the next.
    """
    closing = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    found = [policy["spec"] for policy in objects.of("NetworkPolicy")]
    return [] if closing in found else ["no NetworkPolicy denies everything"]


def nothing_else_gets_through(objects: Objects) -> list[str]:
    """On Minikube: apps and commands talk to Kafka and Postgres, nobody else does, and nobody calls the projector.

    Both ways are closed but for this table: so what gets into a pod gets no further, and can send nothing away.
    """
    servers = {"kafka": KAFKA, "postgres": POSTGRES}
    wanted = _everywhere(objects, set(servers), ELSEWHERE) | {
        Flow(pod, server, port) for pod in _sidecars(objects) for server, port in servers.items()
    }
    return _unlike(objects, wanted)


def nothing_else_gets_through_in_production(objects: Objects) -> list[str]:
    """In production: Kafka and Postgres are no pods of ours, so only their ports are known; metrics are collected.

    Only the gateway, which knows who asks, reaches the APIs.
    """
    sidecars, projecting = _sidecars(objects), objects.serving("projector")
    wanted = (
        _everywhere(objects, set(), {GATEWAY})
        | {Flow(pod, other, port) for pod in sidecars for other in ELSEWHERE for port in MANAGED}
        | {Flow("monitoring", pod, METRICS) for pod in sidecars}
        | {Flow("monitoring", service.name, service.port) for service in objects.services if service.name in projecting}
    )
    return _unlike(objects, wanted)


def _unlike(objects: Objects, wanted: set[Flow]) -> list[str]:
    # Each app has a port of its own: one of the others' must lead nowhere.
    found = flows(objects, {*PORTS, *((service.port, "TCP") for service in objects.services)})
    return [
        *(f"let through: {flow}" for flow in sorted(found - wanted)),
        *(f"kept back: {flow}" for flow in sorted(wanted - found)),
    ]


_HOLE: Final = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "hole"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 22}]}]},
}


def _policy(name: str) -> tuple[str, str]:
    return ("NetworkPolicy", name)


_EVERYWHERE: Final = {
    "no DNS": remove(*_policy("dns")),
    "DNS by UDP alone": drop(_policy("dns"), "spec", "egress", 0, "ports", 1),
    "nothing denied": remove(*_policy("default-deny")),
    "everything to come": put(_policy("course-agent"), "spec", "ingress", value=[{}]),
    "everything to leave": append(_policy("projector"), "spec", "egress", value={}),
    "a hole": add(_HOLE),
    "sidecars by UDP": put(_policy("sidecars"), "spec", "egress", 0, "ports", 0, "protocol", value="UDP"),
    "no placement": drop(_policy("sidecars"), "spec", "egress", 1, "ports", 2),
    "a port for all that come": drop(_policy("sidecars"), "spec", "ingress", 0, "from"),
    "the projector's port": put(_policy("user-progress"), "spec", "podSelector", value={}),
    "a misspelt label": put(
        _policy("course-agent"), "spec", "podSelector", "matchLabels", value={NAME_LABEL: "course_agent"}
    ),
    "one more reader": append(
        _policy("secret-readers"), "spec", "podSelector", "matchExpressions", 0, "values", value="course-agent"
    ),
}
POLICIES: Final[Policies] = {
    denied_by_default: {
        "nothing": remove(*_policy("default-deny")),
        "nothing to leave": put(_policy("default-deny"), "spec", "policyTypes", value=["Ingress"]),
        "some": put(_policy("default-deny"), "spec", "podSelector", "matchLabels", value={NAME_LABEL: "kafka"}),
        "not everything": put(_policy("default-deny"), "spec", "ingress", value=[{}]),
    }
}
POLICIES_ON_MINIKUBE: Final[Policies] = {
    nothing_else_gets_through: {
        **_EVERYWHERE,
        "Kafka for all": drop(_policy("kafka"), "spec", "ingress", 0, "from"),
        "Kafka for all, all of it": put(_policy("kafka"), "spec", "ingress", value=[{}]),
        "Postgres for all": drop(_policy("postgres"), "spec", "ingress", 0, "from"),
        "Postgres for nobody": remove(*_policy("postgres")),
        "no Kafka": drop(_policy("course-agent"), "spec", "egress", 0),
    }
}
POLICIES_IN_PRODUCTION: Final[Policies] = {
    nothing_else_gets_through_in_production: {
        **_EVERYWHERE,
        "no metrics": remove(*_policy("metrics")),
        "metrics for all": drop(_policy("metrics"), "spec", "ingress", 0, "from"),
    }
}
