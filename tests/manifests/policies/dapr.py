"""Which sidecar has what, and who may call whom."""

from collections.abc import Iterator
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from deploy.stack.service import CHECKOUT
from tests.manifests.breaking import COURSE, JOB, NOTES, Policies, append, drop, entry, put, remove
from tests.manifests.objects import OPERATORS, Object, Objects, ident

SHARED: Final = CHECKOUT / "deploy" / "dapr" / "components"
ALLOWED: Final[dict[str, list[dict[str, Any]]]] = {
    "user-progress": [
        {
            "appId": "course-agent",
            "namespace": "learnflow",
            "trustDomain": "public",
            "defaultAction": "deny",
            "operations": [{"name": "/status/mastery", "httpVerb": ["GET"], "action": "allow"}],
        }
    ]
}
"""Which calls from sidecar to sidecar are let through: of all, one."""
READABLE: Final = ["kafka"]
"""What those may read of the secret store that look at the log themselves."""
PATCHED: Final = {
    "agents": {"auth"},
    "documents": {"auth"},
    "events": {"auth", "authType", "brokers", "saslMechanism", "saslPassword", "saslUsername"},
}
"""What of the shared components is different on Kubernetes."""
PATCHED_IN_PRODUCTION: Final = {**PATCHED, "events": {*PATCHED["events"], "disableTls"}}


def app_ids_are_names(objects: Objects) -> list[str]:
    """A Deployment's name is its app-id, its pods' name label and the name of its Configuration.

    Scopes, access control and policies of the network name it; one that is spelt differently would be nobody, to whom
    nothing applies. An app without its Configuration may be called by everybody.
    """
    faults = []
    configurations = objects.names("Configuration")
    for pod in objects.apps():
        name = pod.owner["metadata"]["name"]
        said = {pod.app_id, pod.labels.get("app.kubernetes.io/name"), pod.annotations.get("dapr.io/config")}
        if said != {name}:
            faults.append(f"{pod.name}: is {', '.join(sorted(map(str, said)))}")
    for pod in objects.sidecars():
        config = pod.annotations.get("dapr.io/config")
        if config != pod.app_id or config not in configurations:
            faults.append(f"{pod.name}: there is no Configuration/{config} that is its own")
        if pod.app_id not in _app_ids(objects):
            faults.append(f"{pod.name}: nobody knows {pod.app_id}")
    missing = sorted(_app_ids(objects) - {OPERATORS} - {pod.app_id for pod in objects.apps()})
    return faults + [f"there is no Deployment/{name}" for name in missing]


def _app_ids(objects: Objects) -> set[str]:
    return objects.names_of_services | {OPERATORS}


def scopes_name_who_is_there(objects: Objects) -> list[str]:
    """Each scope is an app-id that a pod has, or that of commands for operators; without scopes it would be for all."""
    there = {pod.app_id for pod in objects.sidecars()} | {OPERATORS}
    faults = []
    for thing in objects.of("Component", "Resiliency", "Subscription", "HTTPEndpoint"):
        scopes = thing.get("scopes") or []
        if not scopes:
            faults.append(f"{ident(thing)}: for everybody")
        faults += [f"{ident(thing)}: nobody is {scope}" for scope in scopes if scope not in there]
    return faults


def apps_have_what_they_use(objects: Objects) -> list[str]:
    """Each component is for exactly those that use it: one less lacks it, one more can do what it need not.

    A service with code of its own shares none: its components begin with its name.
    """
    found = {thing["metadata"]["name"]: set(thing.get("scopes") or []) for thing in objects.of("Component")}
    users = {
        "events": objects.names_of_services - objects.own,
        "documents": _app_ids(objects) - objects.own,
        "agents": objects.serving("course-agent", "user-progress"),
        "secrets": objects.readers,
    }
    for own in objects.own:
        users |= {name: {own} for name in found if name.startswith(f"{own}-")}
        users |= {f"{own}-events": {own}, f"{own}-state": {own}}
    return [
        f"Component/{name}: for {found.get(name)}, used by {users.get(name)}"
        for name in sorted(found.keys() | users.keys())
        if found.get(name) != users.get(name)
    ]


def sidecars_have_one_resiliency(objects: Objects) -> list[str]:
    """Each app-id is in the scope of one Resiliency: which of two holds is nobody's promise."""
    scopes = [scope for thing in objects.of("Resiliency") for scope in thing.get("scopes") or []]
    return [
        f"Resiliency: {app_id} is in {scopes.count(app_id)}"
        for app_id in sorted(_app_ids(objects))
        if scopes.count(app_id) != 1
    ]


def nobody_is_called_unasked(objects: Objects) -> list[str]:
    """Calls from sidecar to sidecar are denied but one: course-agent asks user-progress what a learner knows.

    The projector tells its sidecar's deliveries from calls by headers, which a caller can have removed: none may
    arrive.
    """
    faults = []
    for thing in objects.of("Configuration"):
        control = thing["spec"].get("accessControl") or {}
        if control.get("defaultAction") != "deny":
            faults.append(f"{ident(thing)}: lets anybody call")
        # By trust domain, callers are told apart; without one all are strangers.
        if control.get("trustDomain") != "public":
            faults.append(f"{ident(thing)}: trustDomain {control.get('trustDomain')}")
        wanted = ALLOWED.get(thing["metadata"]["name"], [])
        if (control.get("policies") or []) != wanted:
            faults.append(f"{ident(thing)}: lets {control.get('policies')}, not {wanted}")
    return faults


def secrets_are_for_those_who_need_them(objects: Objects) -> list[str]:
    """An app may read the one secret it needs of the store, and nothing of the store that Dapr has built in."""
    faults = []
    for thing in objects.of("Configuration"):
        name = thing["metadata"]["name"]
        stores = {scope["storeName"]: scope for scope in (thing["spec"].get("secrets") or {}).get("scopes") or []}
        for store in ("secrets", "kubernetes"):
            allowed = READABLE if store == "secrets" and name in objects.readers else []
            scope = stores.get(store) or {}
            if scope.get("defaultAccess") != "deny" or (scope.get("allowedSecrets") or []) != allowed:
                faults.append(f"{ident(thing)}: store {store}: {scope}")
    for pod in objects.sidecars():
        off = pod.annotations.get("dapr.io/disable-builtin-k8s-secret-store") == "true"
        if not off and pod.app_id not in objects.readers:
            faults.append(f"{pod.name}: its sidecar tries to read secrets itself")
    return faults


def sidecars_stay_as_they_started(objects: Objects) -> list[str]:
    """What a sidecar has loaded stays until its pod is replaced: a faulty change stops a rollout, not everybody."""
    return [
        f"{ident(thing)}: HotReload is not off"
        for thing in objects.of("Configuration")
        if {"name": "HotReload", "enabled": False} not in (thing["spec"].get("features") or [])
    ]


def components_are_the_shared_ones(objects: Objects) -> list[str]:
    """Components are the files that tests run on, but for what is listed: so what was tried is what is deployed."""
    return list(_differences(objects, PATCHED))


def components_are_the_shared_ones_in_production(objects: Objects) -> list[str]:
    """The same, where Kafka is somebody else's: whether it speaks TLS is said there as well."""
    return list(_differences(objects, PATCHED_IN_PRODUCTION))


def _differences(objects: Objects, allowed: dict[str, set[str]]) -> Iterator[str]:
    for file in sorted(SHARED.glob("*.yaml")):
        shared: Object = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = objects.get(shared["kind"], shared["metadata"]["name"])
        if found is None:
            yield f"{ident(shared)}: not deployed"
            continue
        ours, theirs = _settings(found), _settings(shared)
        changed = {key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
        wanted = allowed.get(shared["metadata"]["name"], set()) if shared["kind"] == "Component" else set()
        if changed != wanted:
            yield f"{ident(shared)}: differs in {sorted(changed)}, not in {sorted(wanted)}"


def _settings(thing: Object) -> dict[str, Any]:
    spec = dict(thing["spec"])
    entries = spec.pop("metadata", None) or [] if thing["kind"] == "Component" else []
    named = {one["name"]: {key: value for key, value in one.items() if key != "name"} for one in entries}
    rest = {key: value for key, value in thing.items() if key not in {"spec", "metadata"}}
    return {**spec, **rest, **named}


def settings_are_said_once(objects: Objects) -> list[str]:
    """No entry of a component is there twice: which one holds is nobody's promise."""
    faults = []
    for thing in objects.of("Component"):
        names = [one["name"] for one in thing["spec"].get("metadata") or []]
        faults += [
            f"{ident(thing)}: {name} twice" for name in sorted({name for name in names if names.count(name) > 1})
        ]
    return faults


def credentials_are_filled_in(objects: Objects) -> list[str]:
    """What components take from Secrets Dapr's operator fills in, for sidecars that may read none themselves."""
    faults = []
    for thing in objects.of("Component"):
        refers = [one["secretKeyRef"] for one in thing["spec"].get("metadata") or [] if "secretKeyRef" in one]
        store = (thing.get("auth") or {}).get("secretStore")
        if refers and store != "kubernetes":
            faults.append(f"{ident(thing)}: its secrets are those of {store}")
    return faults


def _twice(objects: Objects) -> None:
    events = objects.get("Component", "events")
    assert events is not None
    events["spec"]["metadata"].append({"name": "initialOffset", "value": "newest"})


CONTROL: Final = ("spec", "accessControl")
POLICIES: Final[Policies] = {
    app_ids_are_names: {
        "another app-id": put(COURSE, *NOTES, "dapr.io/app-id", value="course"),
        "another label": put(COURSE, *NOTES[:-1], "labels", "app.kubernetes.io/name", value="course"),
        "no Configuration": drop(COURSE, *NOTES, "dapr.io/config"),
        "another's": put(JOB, *NOTES, "dapr.io/config", value="projector"),
        "one that is not there": remove("Configuration", "projector"),
        "a service that is not there": remove(*COURSE),
        "no sidecar": put(COURSE, *NOTES, "dapr.io/enabled", value="false"),
    },
    scopes_name_who_is_there: {
        "nobody": append(("Component", "events"), "scopes", value="quiz"),
        "everybody": drop(("Component", "documents"), "scopes"),
        "a Resiliency": append(("Resiliency", "learnflow"), "scopes", value="projectr"),
    },
    apps_have_what_they_use: {
        "one more": append(("Component", "events"), "scopes", value="replay"),
        "one less": put(("Component", "documents"), "scopes", value=["projector", "replay"]),
        "one that is gone": remove("Component", "agents"),
    },
    sidecars_have_one_resiliency: {
        "two": append(("Resiliency", "learnflow"), "scopes", value="replay"),
        "none": remove("Resiliency", "learnflow-replay"),
    },
    nobody_is_called_unasked: {
        "everybody": put(("Configuration", "projector"), *CONTROL, "defaultAction", value="allow"),
        "not said": drop(("Configuration", "projector"), *CONTROL),
        "another domain": drop(("Configuration", "user-progress"), *CONTROL, "trustDomain"),
        "another path": put(
            ("Configuration", "user-progress"), *CONTROL, "policies", 0, "operations", 0, "name", value="/status"
        ),
        "all paths": put(("Configuration", "user-progress"), *CONTROL, "policies", 0, "defaultAction", value="allow"),
        "a POST": append(
            ("Configuration", "user-progress"), *CONTROL, "policies", 0, "operations", 0, "httpVerb", value="POST"
        ),
        "another caller": append(
            ("Configuration", "course-agent"),
            *CONTROL,
            "policies",
            value={"appId": "projector", "defaultAction": "allow"},
        ),
        "nobody at all": drop(("Configuration", "user-progress"), *CONTROL, "policies"),
    },
    secrets_are_for_those_who_need_them: {
        "all": put(("Configuration", "course-agent"), "spec", "secrets", "scopes", 0, "defaultAccess", value="allow"),
        "not said": drop(("Configuration", "course-agent"), "spec", "secrets"),
        "the database's": append(
            ("Configuration", "projector"), "spec", "secrets", "scopes", 0, "allowedSecrets", value="postgres"
        ),
        "by the built-in store": drop(("Configuration", "projector"), "spec", "secrets", "scopes", 1),
        "Kafka's no more": drop(("Configuration", "replay"), "spec", "secrets", "scopes", 0, "allowedSecrets"),
        "the sidecar itself": drop(COURSE, *NOTES, "dapr.io/disable-builtin-k8s-secret-store"),
    },
    sidecars_stay_as_they_started: {
        "not said": drop(("Configuration", "projector"), "spec", "features"),
        "on": put(("Configuration", "replay"), "spec", "features", 0, "enabled", value=True),
    },
    settings_are_said_once: {"two offsets to begin at": _twice},
    credentials_are_filled_in: {
        "by the sidecar": put(("Component", "documents"), "auth", "secretStore", value="secrets"),
        "by nobody": drop(("Component", "events"), "auth"),
    },
}
_DIFFERENT: Final = {
    "another value": entry("events", "initialOffset", "newest"),
    "one more": entry("documents", "maxConns2", "10"),
    "another type": put(("Component", "documents"), "spec", "version", value="v1"),
    "another timeout": put(("Resiliency", "learnflow"), "spec", "policies", "timeouts", "batch", value="1s"),
    "other scopes": append(("Component", "agents"), "scopes", value="projector"),
    "one that is gone": remove("Resiliency", "learnflow-replay"),
    "without credentials": entry("events", "authType", "none"),
}
POLICIES_WITHOUT_TLS: Final[Policies] = {components_are_the_shared_ones: _DIFFERENT}
POLICIES_IN_PRODUCTION: Final[Policies] = {components_are_the_shared_ones_in_production: _DIFFERENT}
