"""That what is named is there, and that what selects finds something."""

from collections.abc import Iterator
from typing import Any, Final

from learnflow.settings import AppSettings, DaprSettings, Settings
from tests.manifests.breaking import APP, COURSE, JOB, POD, PROJECTOR, Policies, append, drop, put, remove
from tests.manifests.objects import NAME_LABEL, Objects, Pod, ident, labels, selects

NAMESPACE: Final = "learnflow"
PART_OF: Final = ("app.kubernetes.io/part-of", "learnflow")
_CLUSTER_WIDE: Final = frozenset({"Namespace"})
LIBRDKAFKA: Final = frozenset({"security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"})
SECRETS: Final = {
    "app-api-token": frozenset({"token"}),
    "dapr-api-token": frozenset({"token"}),
    "kafka": LIBRDKAFKA,
    "postgres": frozenset({"connectionString"}),
}
"""What every deployment is to be given, with what is in it."""
SECRETS_ON_MINIKUBE: Final = {
    **SECRETS,
    "kafka-server": frozenset({"jaas"}),
    "postgres-server": frozenset({"password"}),
}
"""What `deploy/minikube/up` makes."""
SECRETS_IN_PRODUCTION: Final = {**SECRETS, "kafka-keda": frozenset({"sasl", "tls"})}
"""What an operator makes."""
TOKENS: Final = ("dapr.io/app-token-secret", "dapr.io/api-token-secret")


def selectors_find_their_pods(objects: Objects) -> list[str]:
    """A workload's selector selects the pods it makes, and no other's, which it would take for its own."""
    faults = []
    for pod in objects.pods():
        selector = pod.owner["spec"].get("selector")
        if pod.owner["kind"] == "Job":
            if selector is not None:
                faults.append(f"{pod.name}: has a selector")
            continue
        found = [other.name for other in objects.pods() if selects(selector, other.labels)]
        if found != [pod.name]:
            faults.append(f"{pod.name}: selects {found}")
    return faults


def services_lead_somewhere(objects: Objects) -> list[str]:
    """Each Service selects pods of one workload, and each of its ports is one of theirs."""
    faults = []
    for service in objects.of("Service"):
        selector = service["spec"].get("selector")
        found = [pod for pod in objects.pods() if selector and selects({"matchLabels": selector}, pod.labels)]
        if len(found) != 1:
            faults.append(f"{ident(service)}: leads to {[pod.name for pod in found]}")
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            faults += [
                f"{ident(service)}: {pod.name} has no port {target}" for pod in found if target not in _ports(pod)
            ]
    for workload in objects.of("StatefulSet"):
        name = workload["spec"].get("serviceName")
        if name not in objects.names("Service"):
            faults.append(f"{ident(workload)}: there is no Service/{name}")
    return faults


def _ports(pod: Pod) -> set[Any]:
    ports = [port for container in pod.containers() for port in container.get("ports") or []]
    return {port["containerPort"] for port in ports} | {port.get("name") for port in ports}


def apis_have_their_node_ports(objects: Objects) -> list[str]:
    """On Minikube the two APIs are at 30081 and 30082 of the node, as `up` says, and nothing else is."""
    found = {
        service["metadata"]["name"]: [port["nodePort"] for port in service["spec"]["ports"] if "nodePort" in port]
        for service in objects.of("Service")
        if service["spec"].get("type", "ClusterIP") != "ClusterIP"
    }
    wanted = {"course-agent": [30081], "user-progress": [30082]}
    return [] if found == wanted else [f"Services: {found}, not {wanted}"]


def what_is_named_is_there(objects: Objects) -> list[str]:
    """ConfigMaps, ServiceAccounts, claims and volumes that a pod names are there; it would wait for them for ever."""
    faults = []
    for pod in objects.pods():
        claimed = [claim["metadata"]["name"] for claim in pod.owner["spec"].get("volumeClaimTemplates") or []]
        volumes = {volume["name"] for volume in pod.spec.get("volumes") or []} | set(claimed)
        faults += [
            f"{pod.name}: there is no {kind}/{name}" for kind, name in _named(pod) if not objects.get(kind, name)
        ]
        for container in pod.containers():
            mounts = {mount["name"] for mount in container.get("volumeMounts") or []}
            faults += [f"{pod.name}: there is no volume {name}" for name in sorted(mounts - volumes)]
    return faults


def _named(pod: Pod) -> Iterator[tuple[str, str]]:
    if "serviceAccountName" in pod.spec:
        yield "ServiceAccount", pod.spec["serviceAccountName"]
    for volume in pod.spec.get("volumes") or []:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for container in pod.containers():
        for source in container.get("envFrom") or []:
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env") or []:
            reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            if reference:
                yield "ConfigMap", reference["name"]


def _secrets(objects: Objects) -> Iterator[tuple[str, str | None, str]]:
    """Name, key (`None` for whatever is in it) and who wants it."""
    for pod in objects.pods():
        yield from _secrets_of(pod)
    for component in objects.of("Component"):
        references = [one.get("secretKeyRef") for one in component["spec"].get("metadata") or []]
        yield from ((one["name"], one["key"], ident(component)) for one in references if one)
    for authentication in objects.of("TriggerAuthentication"):
        references = authentication["spec"].get("secretTargetRef") or []
        yield from ((one["name"], one["key"], ident(authentication)) for one in references)
    for settings in objects.of("ConfigMap"):
        name = (settings.get("data") or {}).get("LEARNFLOW_KAFKA_SECRET")
        if name:
            yield name, None, ident(settings)
    for role in objects.of("Role"):
        rules = [rule for rule in role.get("rules") or [] if "secrets" in rule["resources"]]
        yield from ((name, None, ident(role)) for rule in rules for name in rule.get("resourceNames") or [])


def _secrets_of(pod: Pod) -> Iterator[tuple[str, str, str]]:
    yield from ((pod.annotations[token], "token", pod.name) for token in TOKENS if token in pod.annotations)
    for container in pod.containers():
        references = [(one.get("valueFrom") or {}).get("secretKeyRef") for one in container.get("env") or []]
        yield from ((one["name"], one["key"], pod.name) for one in references if one)


def _strangers(objects: Objects, provided: dict[str, frozenset[str]]) -> list[str]:
    wanted = list(_secrets(objects))
    faults = [
        f"{who}: nobody makes Secret/{name}, key {key}"
        for name, key, who in wanted
        if name not in provided or (key is not None and key not in provided[name])
    ]
    return faults + [
        f"Secret/{name}: nobody wants it" for name in sorted(provided.keys() - {name for name, *_ in wanted})
    ]


def secrets_are_made_by_up(objects: Objects) -> list[str]:
    """On Minikube: each Secret that is named, with its key, is one that `up` makes; and each of those is wanted."""
    return _strangers(objects, SECRETS_ON_MINIKUBE)


def secrets_are_made_by_operators(objects: Objects) -> list[str]:
    """In production: each Secret that is named, with its key, is on the list of those that an operator makes."""
    return _strangers(objects, SECRETS_IN_PRODUCTION)


def all_is_in_one_place(objects: Objects) -> list[str]:
    """Everything is in the namespace `learnflow`, which is there too, bears the common label, and is there once."""
    faults: list[str] = []
    seen = set()
    for thing in objects:
        wanted = None if thing["kind"] in _CLUSTER_WIDE else NAMESPACE
        if thing["metadata"].get("namespace") != wanted:
            faults.append(f"{ident(thing)}: in namespace {thing['metadata'].get('namespace')}")
        if labels(thing).get(PART_OF[0]) != PART_OF[1]:
            faults.append(f"{ident(thing)}: lacks {PART_OF[0]}")
        key = (thing["apiVersion"].partition("/")[0], ident(thing))
        if key in seen:
            faults.append(f"{ident(thing)}: there twice")
        seen.add(key)
    faults += [
        f"{pod.name}: its pods lack labels"
        for pod in objects.pods()
        if pod.labels.get(PART_OF[0]) != PART_OF[1] or NAME_LABEL not in pod.labels
    ]
    if objects.get("Namespace", NAMESPACE) is None:
        faults.append(f"there is no Namespace/{NAMESPACE}")
    return faults


def pods_are_held_to_the_standard(objects: Objects) -> list[str]:
    """The namespace enforces Kubernetes' own `restricted` standard, also for what is applied without these tests."""
    found = labels(objects.get("Namespace", NAMESPACE) or {}).get("pod-security.kubernetes.io/enforce")
    return [] if found == "restricted" else [f"Namespace/{NAMESPACE}: enforces {found}"]


def settings_are_known(objects: Objects) -> list[str]:
    """Each variable for apps is a field of their settings, with a value that they take; others would be passed over.

    But for those that Kubernetes writes into the container's own command.
    """
    known = {
        f"{settings.model_config.get('env_prefix')}{name}".upper(): settings
        for settings in (Settings, DaprSettings, AppSettings)
        for name in settings.model_fields
    }
    faults = []
    for who, name, value in _variables(objects):
        settings = known.get(name)
        if settings is None:
            faults.append(f"{who}: nobody reads {name}")
        elif not _taken(settings, name, value):
            faults.append(f"{who}: {name}={value} is refused")
    return faults


def _variables(objects: Objects) -> Iterator[tuple[str, str, str]]:
    shared = objects.get("ConfigMap", "learnflow") or {}
    yield from ((ident(shared), name, value) for name, value in (shared.get("data") or {}).items())
    for pod in objects.pods():
        if not pod.is_server:
            for container in pod.containers():
                told = " ".join([*(container.get("command") or []), *(container.get("args") or [])])
                for variable in container.get("env") or []:
                    if f"$({variable['name']})" not in told:
                        yield pod.name, variable["name"], variable.get("value", "")


def _taken(settings: type[Settings | DaprSettings | AppSettings], name: str, value: str) -> bool:
    field = name.removeprefix(str(settings.model_config.get("env_prefix"))).lower()
    try:
        settings.__pydantic_validator__.validate_assignment(settings.model_construct(), field, value)
    except ValueError:
        return False
    return True


def _twice(objects: Objects) -> None:
    objects.things.append(objects.of("ConfigMap")[0])


CONFIG: Final = ("ConfigMap", "learnflow")
POLICIES: Final[Policies] = {
    selectors_find_their_pods: {
        "others": put(COURSE, "spec", "selector", "matchLabels", value={NAME_LABEL: "projector"}),
        "all": put(COURSE, "spec", "selector", "matchLabels", value=dict([PART_OF])),
        "nobody": put(PROJECTOR, *POD[:-1], "metadata", "labels", value={}),
    },
    services_lead_somewhere: {
        "nowhere": put(("Service", "course-agent"), "spec", "selector", value={NAME_LABEL: "course"}),
        "to all": put(("Service", "course-agent"), "spec", "selector", value=dict([PART_OF])),
        "a port that is none": put(("Service", "course-agent"), "spec", "ports", 0, "targetPort", value="api"),
        "a number that is none": put(("Service", "course-agent"), "spec", "ports", 0, "targetPort", value=8080),
    },
    what_is_named_is_there: {
        "settings": remove(*CONFIG),
        "an account": put(JOB, *POD, "serviceAccountName", value="operator"),
        "a volume": drop(COURSE, *POD, "volumes"),
        "a claim": append(
            COURSE, *POD, "volumes", value={"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
        ),
    },
    all_is_in_one_place: {
        "another namespace": put(COURSE, "metadata", "namespace", value="default"),
        "none": drop(("Component", "events"), "metadata", "namespace"),
        "no label": drop(COURSE, "metadata", "labels"),
        "no label on pods": put(COURSE, *POD[:-1], "metadata", "labels", value={NAME_LABEL: "course-agent"}),
        "no place": remove("Namespace", NAMESPACE),
        "one twice": _twice,
    },
    pods_are_held_to_the_standard: {
        "a lower one": put(
            ("Namespace", NAMESPACE), "metadata", "labels", "pod-security.kubernetes.io/enforce", value="baseline"
        ),
        "none": drop(("Namespace", NAMESPACE), "metadata", "labels"),
    },
    settings_are_known: {
        "a misspelt name": put(CONFIG, "data", "LEARNFLOW_KAFKA_BROKER", value="kafka:9092"),
        "a value that is none": put(CONFIG, "data", "LEARNFLOW_DRAIN_SECONDS", value="ten"),
        "a sidecar that is none": put(CONFIG, "data", "LEARNFLOW_SIDECAR", value="istio"),
        "of one app": append(COURSE, *APP, "env", value={"name": "LEARNFLOW_PORTS", "value": "8000"}),
    },
}
_UNKNOWN: Final = {
    "a token": put(COURSE, *POD[:-1], "metadata", "annotations", TOKENS[0], value="app-token"),
    "Kafka's": put(CONFIG, "data", "LEARNFLOW_KAFKA_SECRET", value="broker"),
    "a key": put(
        ("Component", "documents"), "spec", "metadata", 0, "secretKeyRef", value={"name": "postgres", "key": "dsn"}
    ),
}
POLICIES_ON_MINIKUBE: Final[Policies] = {
    secrets_are_made_by_up: {
        **_UNKNOWN,
        "not wanted any more": remove("StatefulSet", "postgres"),
    },
    apis_have_their_node_ports: {
        "another": put(("Service", "course-agent"), "spec", "ports", 0, "nodePort", value=30083),
        "none": drop(("Service", "user-progress"), "spec", "type"),
        "Postgres": put(("Service", "postgres"), "spec", "type", value="NodePort"),
    },
}
POLICIES_IN_PRODUCTION: Final[Policies] = {
    secrets_are_made_by_operators: {
        **_UNKNOWN,
        "not wanted any more": remove("TriggerAuthentication", "kafka"),
    },
}
