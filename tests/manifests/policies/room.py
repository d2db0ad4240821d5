"""That all of it fits on the node and into the database of Minikube."""

from fractions import Fraction
from typing import Final

from tests.manifests.breaking import APP, COURSE, NOTES, Policies, entry, put
from tests.manifests.objects import Objects, Pod
from tests.manifests.quantities import quantity

# Of a node with two cores and eight GiB, less what Kubernetes itself asks for there: API server 250m, controller
# manager 200m, and 100m each of etcd, scheduler, DNS and Minikube's network. Dapr's control plane asks for nothing.
CORES: Final = 2 - Fraction(85, 100)
BYTES: Final = 6 * quantity("1Gi")
# What Postgres keeps for its own.
RESERVED: Final = 3


def _copies(pod: Pod) -> int:
    """How many there are at most, while a new one takes the place of an old one."""
    spec = pod.owner["spec"]
    if pod.owner["kind"] == "Job":
        return int(spec.get("parallelism", 1))
    surge = ((spec.get("strategy") or {}).get("rollingUpdate") or {}).get("maxSurge", 0)
    return int(spec.get("replicas", 1)) + (int(surge) if pod.owner["kind"] == "Deployment" else 0)


def _wanted(pod: Pod, what: str) -> Fraction:
    containers = sum(
        (quantity(container["resources"]["requests"][what]) for container in pod.spec["containers"]), Fraction(0)
    )
    sidecar = pod.annotations[f"dapr.io/sidecar-{what}-request"] if pod.has_sidecar else "0"
    return containers + quantity(sidecar)


def fits_on_a_small_node(objects: Objects) -> list[str]:
    """On Minikube all pods, with their sidecars and one Deployment after the other rolled, fit on a node of two cores.

    What the scheduler goes by are requests; a pod that does not fit waits for ever, and so does `up`.
    """
    faults = []
    for what, room in (("cpu", CORES), ("memory", BYTES)):
        pods = objects.pods()
        steady = sum((_wanted(pod, what) * (_copies(pod) - _surge(pod)) for pod in pods), Fraction(0))
        rolled = max((_wanted(pod, what) * _surge(pod) for pod in pods), default=Fraction(0))
        if steady + rolled > room:
            less = "fewer replicas or smaller requests in overlays/minikube"
            faults.append(f"{what}: {float(steady + rolled):g}, and there are {float(room):g}: {less}")
    return faults


def _surge(pod: Pod) -> int:
    return _copies(pod) - int(pod.owner["spec"].get("replicas", 1)) if pod.owner["kind"] == "Deployment" else 0


def connections_suffice(objects: Objects) -> list[str]:
    """On Minikube Postgres takes all connections of all sidecars at once: (sidecars x maxConns), and some for others.

    One too many is refused, and the sidecar that asked for it answers its app with errors.
    """
    postgres = objects.get("StatefulSet", "postgres")
    if postgres is None:
        return ["there is no Postgres"]
    arguments = postgres["spec"]["template"]["spec"]["containers"][0].get("args") or []
    there = next((int(one.partition("=")[2]) for one in arguments if one.startswith("max_connections=")), 100)
    wanted = RESERVED
    for component in objects.of("Component"):
        each = int(objects.component(component["metadata"]["name"]).get("maxConns", 0))
        wanted += each * sum(_copies(pod) for pod in objects.sidecars() if pod.app_id in component.get("scopes", ()))
    return [f"{wanted} connections, and Postgres takes {there}"] if wanted > there else []


POLICIES_ON_MINIKUBE: Final[Policies] = {
    fits_on_a_small_node: {
        "a core for one": put(COURSE, *APP, "resources", "requests", "cpu", value="1"),
        "a core for its sidecar": put(COURSE, *NOTES, "dapr.io/sidecar-cpu-request", value="1"),
        "many": put(COURSE, "spec", "replicas", value=40),
        "memory": put(COURSE, *APP, "resources", "requests", "memory", value="6Gi"),
    },
    connections_suffice: {
        "more for each": entry("documents", "maxConns", "100"),
        "more of them": put(COURSE, "spec", "replicas", value=40),
    },
}
