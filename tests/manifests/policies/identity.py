"""Who may do what in the cluster, and where secrets are."""

from typing import Any, Final

from tests.manifests.breaking import (
    APP,
    COURSE,
    JOB,
    POD,
    PROJECTOR,
    Policies,
    add,
    append,
    drop,
    put,
    remove,
)
from tests.manifests.objects import Objects, ident

READ: Final = "kafka"
"""The one secret that sidecars read: those of apps and commands that look at the log themselves."""
TOKENS: Final[dict[str, dict[str, Any]]] = {
    f"dapr.io/{which}-token-secret": {
        "name": f"{owner}_API_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": f"{owner.lower()}-api-token", "key": "token"}},
    }
    for which, owner in (("api", "DAPR"), ("app", "APP"))
}
"""What the app is told, by the annotation that tells its sidecar the same: the injector tells only the sidecar."""
RULE: Final = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [READ], "verbs": ["get"]}


def accounts_are_their_own(objects: Objects) -> list[str]:
    """Each app has a ServiceAccount of its name, so that a right given to one is given to no other."""
    faults = []
    accounts = objects.names("ServiceAccount")
    for pod in objects.pods():
        if pod.is_server:
            continue
        account = pod.spec.get("serviceAccountName")
        wanted = pod.app_id or pod.owner["metadata"]["name"]
        if account != wanted or account not in accounts:
            faults.append(f"{pod.name}: runs as {account}, of {sorted(accounts)}")
    return faults


def nothing_is_granted(objects: Objects) -> list[str]:
    """No right but to get the one secret `kafka`, for the two that look at the log past Dapr; nothing cluster-wide.

    A right to list secrets, or to get any, would hand the database's password to whoever gets into a pod.
    """
    faults = [f"{ident(thing)}: cluster-wide" for thing in objects.of("ClusterRole", "ClusterRoleBinding")]
    faults += [
        f"{ident(role)}: {rule}" for role in objects.of("Role") for rule in role.get("rules") or [] if rule != RULE
    ]
    granted = set()
    for binding in objects.of("RoleBinding"):
        if binding["roleRef"]["kind"] != "Role" or objects.get("Role", binding["roleRef"]["name"]) is None:
            faults.append(f"{ident(binding)}: of {binding['roleRef']['kind']}/{binding['roleRef']['name']}")
        for subject in binding.get("subjects") or []:
            granted.add(subject["name"])
            if subject["kind"] != "ServiceAccount" or subject["name"] not in objects.readers:
                faults.append(f"{ident(binding)}: for {subject['kind']} {subject['name']}")
    faults += [f"ServiceAccount/{name}: may not read {READ}" for name in sorted(objects.readers - granted)]
    return faults


def tokens_are_for_those_who_may(objects: Objects) -> list[str]:
    """A pod that may do nothing has no token of Kubernetes' API either: its ServiceAccount says so, and so does it."""
    faults = []
    for account in objects.of("ServiceAccount"):
        name = account["metadata"]["name"]
        reads = name in objects.readers
        if account.get("automountServiceAccountToken") is not reads:
            faults.append(f"{ident(account)}: automountServiceAccountToken is not {reads}")
    for pod in objects.pods():
        reads = pod.spec.get("serviceAccountName") in objects.readers
        if pod.spec.get("automountServiceAccountToken", reads) is not reads:
            faults.append(f"{pod.name}: automountServiceAccountToken is not {reads}")
        if not reads and "automountServiceAccountToken" not in pod.spec:
            faults.append(f"{pod.name}: automountServiceAccountToken is not said")
    return faults


def no_secret_is_committed(objects: Objects) -> list[str]:
    """Manifests name Secrets and hold none: whoever can read the repository could read them."""
    return [f"{ident(secret)}: in a manifest" for secret in objects.of("Secret")]


def secrets_come_through_dapr(objects: Objects) -> list[str]:
    """Apps get secrets from Dapr's secret store alone: none in variables, which children and crash reports inherit.

    But for the two tokens by which app and sidecar know each other: a store that is asked through the sidecar can't
    hold what the sidecar wants to be shown first. Exempt are Kafka and Postgres on Minikube: programs of others, that
    take their passwords no other way.
    """
    faults = []
    for pod in objects.pods():
        if pod.is_server:
            continue
        for container in pod.containers():
            name = f"{pod.name} {container['name']}"
            faults += [
                f"{name}: {variable['name']} from a Secret"
                for variable in container.get("env") or []
                if "secretKeyRef" in (variable.get("valueFrom") or {}) and variable not in TOKENS.values()
            ]
            faults += [f"{name}: all of a Secret" for source in container.get("envFrom") or [] if "secretRef" in source]
        faults += [
            f"{pod.name}: volume {volume['name']}" for volume in pod.spec.get("volumes") or [] if _secret(volume)
        ]
    return faults


def _secret(volume: dict[str, Any]) -> bool:
    projected = (volume.get("projected") or {}).get("sources") or []
    return "secret" in volume or any("secret" in source for source in projected)


def sidecars_and_apps_know_each_other(objects: Objects) -> list[str]:
    """Sidecar and app show each other a token, and both are told the same.

    Without app-token-secret whoever reaches the projector's port hands it batches; without api-token-secret whoever
    reaches the sidecar's publishes. An app that is not told is turned away by its own sidecar. (Where there is no app
    to call, there is nobody to show the first to.)
    """
    faults = []
    for pod in objects.sidecars():
        variables = [variable for container in pod.containers() for variable in container.get("env") or []]
        for annotation, variable in TOKENS.items():
            if annotation == "dapr.io/app-token-secret" and "dapr.io/app-port" not in pod.annotations:
                continue
            if pod.annotations.get(annotation) != variable["valueFrom"]["secretKeyRef"]["name"]:
                faults.append(f"{pod.name}: {annotation} is {pod.annotations.get(annotation)}")
            if variable not in variables:
                faults.append(f"{pod.name}: its app is not told {variable['name']}")
    return faults


NOTES: Final = (*POD[:-1], "metadata", "annotations")
ROLE: Final = ("Role", "kafka-secret-reader")
BINDING: Final = ("RoleBinding", "kafka-secret-reader")
POLICIES: Final[Policies] = {
    accounts_are_their_own: {
        "another's": put(COURSE, *POD, "serviceAccountName", value="projector"),
        "the default one": drop(COURSE, *POD, "serviceAccountName"),
        "none": remove("ServiceAccount", "course-agent"),
    },
    nothing_is_granted: {
        "any secret": drop(ROLE, "rules", 0, "resourceNames"),
        "another secret": append(ROLE, "rules", 0, "resourceNames", value="postgres"),
        "listing": append(ROLE, "rules", 0, "verbs", value="list"),
        "pods": append(ROLE, "rules", value={"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}),
        "another app": append(BINDING, "subjects", value={"kind": "ServiceAccount", "name": "course-agent"}),
        "everybody": append(
            BINDING, "subjects", value={"kind": "Group", "name": "system:authenticated", "apiGroup": "x"}
        ),
        "an administrator": put(BINDING, "roleRef", "kind", value="ClusterRole"),
        "cluster-wide": add({"kind": "ClusterRole", "metadata": {"name": "all"}}),
        "not even that": remove(*BINDING),
    },
    tokens_are_for_those_who_may: {
        "a token": put(COURSE, *POD, "automountServiceAccountToken", value=True),
        "not said": drop(COURSE, *POD, "automountServiceAccountToken"),
        "by the account": drop(("ServiceAccount", "course-agent"), "automountServiceAccountToken"),
        "none for the projector": put(PROJECTOR, *POD, "automountServiceAccountToken", value=False),
    },
    no_secret_is_committed: {
        "one": add({"kind": "Secret", "metadata": {"name": "postgres"}, "stringData": {"password": "x"}}),
    },
    secrets_come_through_dapr: {
        "a variable": append(
            COURSE, *APP, "env", value={"name": "X", "valueFrom": {"secretKeyRef": {"name": "kafka", "key": "x"}}}
        ),
        "all variables": append(COURSE, *APP, "envFrom", value={"secretRef": {"name": "kafka"}}),
        "a volume": append(PROJECTOR, *POD, "volumes", value={"name": "s", "secret": {"secretName": "kafka"}}),
        "a volume of several": append(
            PROJECTOR, *POD, "volumes", value={"name": "s", "projected": {"sources": [{"secret": {"name": "kafka"}}]}}
        ),
    },
    sidecars_and_apps_know_each_other: {
        "the app's": drop(PROJECTOR, *NOTES, "dapr.io/app-token-secret"),
        "the sidecar's": drop(COURSE, *NOTES, "dapr.io/api-token-secret"),
        "another": put(COURSE, *NOTES, "dapr.io/api-token-secret", value="app-api-token"),
        "an app that is not told": put(PROJECTOR, *APP, "env", value=[]),
        "a command that is not told": drop(JOB, *APP, "env"),
        "a token that is another": put(
            COURSE, *APP, "env", value=[{**token, "value": "x"} for token in TOKENS.values()]
        ),
    },
}
