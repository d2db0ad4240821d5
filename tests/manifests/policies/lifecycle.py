"""When a pod is alive, when it is ready, and how it ends."""

from fractions import Fraction
from typing import Any, Final

from tests.manifests.breaking import APP, COURSE, JOB, NOTES, POD, PROJECTOR, Policies, drop, put
from tests.manifests.objects import Objects, Pod
from tests.manifests.quantities import seconds

ALIVE: Final = "/healthz"
READY: Final = "/readyz"
LEAST_PROBE_MILLISECONDS: Final = 2000
# A busy node makes a process wait; one that is restarted for that only gets busier.
LEAST_SECONDS_TILL_RESTART: Final = 30
SETTINGS: Final = "learnflow"
DRAIN: Final = "LEARNFLOW_DRAIN_SECONDS"
# Of requests that came in at the last moment of draining: a POST waits this long for the log.
LONGEST_REQUEST_SECONDS: Final = 5


def _app(pod: Pod) -> dict[str, Any]:
    found: dict[str, Any] = next(container for container in pod.spec["containers"] if container["name"] == "app")
    return found


def probes_say_what_they_mean(objects: Objects) -> list[str]:
    """Alive is /healthz, ready is /readyz, both by the port called http, and no restart for a moment's silence.

    Were /readyz asked whether it is alive, an outage of Kafka would restart every pod of the cluster.
    """
    faults = []
    for pod in objects.apps():
        app = _app(pod)
        for probe, path in (("livenessProbe", ALIVE), ("readinessProbe", READY), ("startupProbe", ALIVE)):
            if probe == "startupProbe" and probe not in app:
                continue
            asked = (app.get(probe) or {}).get("httpGet") or {}
            if asked.get("path", "").partition("?")[0] != path or asked.get("port") != "http":
                faults.append(f"{pod.name} {probe}: asks {asked.get('path')} of {asked.get('port')}")
        alive = app.get("livenessProbe") or {}
        if alive.get("periodSeconds", 10) * alive.get("failureThreshold", 3) < LEAST_SECONDS_TILL_RESTART:
            faults.append(f"{pod.name} livenessProbe: restarts within {LEAST_SECONDS_TILL_RESTART} s")
    return faults


def sidecars_look_after_their_apps(objects: Objects) -> list[str]:
    """A sidecar asks its app whether it lives, with the patience that an event loop under load needs.

    Its default of half a second makes the projector leave its group whenever a batch is large; a timeout that is not
    below the interval is refused by daprd.
    """
    faults = []
    for pod in objects.apps():
        notes = pod.annotations
        if notes.get("dapr.io/enable-app-health-check") != "true":
            faults.append(f"{pod.name}: no health check of its app")
        if notes.get("dapr.io/app-health-check-path") != ALIVE:
            faults.append(f"{pod.name}: asks {notes.get('dapr.io/app-health-check-path')}")
        timeout = int(notes.get("dapr.io/app-health-probe-timeout", "500"))
        interval = int(notes.get("dapr.io/app-health-probe-interval", "5")) * 1000
        if not LEAST_PROBE_MILLISECONDS <= timeout < interval:
            faults.append(f"{pod.name}: waits {timeout} ms, every {interval} ms")
    return faults


def ends_gracefully(objects: Objects) -> list[str]:
    """App first, sidecar behind it, and time enough for both: both are asked to end at the same moment.

    The app goes on answering while it drains (its own setting, or a preStop hook that sleeps), and needs its sidecar
    for that: so the sidecar's block-shutdown-duration is longer than draining and the longest request. Without that
    annotation the sidecar cuts batches off. Then the sidecar has its graceful-shutdown-seconds. What does not fit into
    terminationGracePeriodSeconds is killed.
    """
    faults = []
    settings = (objects.get("ConfigMap", SETTINGS) or {}).get("data") or {}
    for pod in objects.apps():
        notes = pod.annotations
        if "dapr.io/block-shutdown-duration" not in notes:
            faults.append(f"{pod.name}: its sidecar ends at once")
            continue
        block = seconds(notes["dapr.io/block-shutdown-duration"])
        after = int(notes.get("dapr.io/graceful-shutdown-seconds", "5"))
        drain = _drain(pod, settings)
        if drain <= 0:
            faults.append(f"{pod.name}: ends while requests are still sent to it")
        if block < drain + LONGEST_REQUEST_SECONDS:
            faults.append(f"{pod.name}: its sidecar may end after {block} s, and it drains {drain} s")
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        if grace <= block + after:
            faults.append(f"{pod.name}: killed after {grace} s, and its sidecar takes {block + after} s")
    return faults


def _drain(pod: Pod, settings: dict[str, str]) -> Fraction:
    app = _app(pod)
    own = {variable["name"]: variable.get("value") for variable in app.get("env") or []}
    asleep = ((app.get("lifecycle") or {}).get("preStop") or {}).get("sleep") or {}
    return Fraction(asleep.get("seconds", 0)) + Fraction(own.get(DRAIN) or settings.get(DRAIN, "0"))


def ports_agree(objects: Objects) -> list[str]:
    """The port that the app is told to listen on is the one called http, and the one that its sidecar calls."""
    faults = []
    for pod in objects.apps():
        app = _app(pod)
        told = {variable["name"]: variable.get("value") for variable in app.get("env") or []}.get("LEARNFLOW_PORT")
        named = {port.get("name"): str(port["containerPort"]) for port in app.get("ports") or []}.get("http")
        called = pod.annotations.get("dapr.io/app-port")
        if not told or {told, named, called} != {told}:
            faults.append(f"{pod.name}: listens on {told}, http is {named}, its sidecar calls {called}")
    return faults


def jobs_come_to_an_end(objects: Objects) -> list[str]:
    """A Job's sidecar is a native one, which ends with its command; otherwise the Job is never done.

    It fails for good only after a while, since Kafka may still be on its way, and goes away when it is done, so that
    a manifest with another image can be applied: a Job's template never changes.
    """
    faults = []
    for pod in objects.pods():
        if pod.owner["kind"] != "Job":
            continue
        if pod.has_sidecar and pod.annotations.get("dapr.io/enable-native-sidecar") != "true":
            faults.append(f"{pod.name}: its sidecar keeps it from being done")
        if not pod.owner["spec"].get("ttlSecondsAfterFinished"):
            faults.append(f"{pod.name}: stays when it is done")
        if pod.spec.get("restartPolicy") not in {"OnFailure", "Never"}:
            faults.append(f"{pod.name}: restartPolicy {pod.spec.get('restartPolicy')}")
    return faults


POLICIES: Final[Policies] = {
    probes_say_what_they_mean: {
        "alive is ready": put(COURSE, *APP, "livenessProbe", "httpGet", "path", value=READY),
        "ready is alive": put(COURSE, *APP, "readinessProbe", "httpGet", "path", value=ALIVE),
        "never ready": drop(COURSE, *APP, "readinessProbe"),
        "never alive": drop(PROJECTOR, *APP, "livenessProbe"),
        "another port": put(COURSE, *APP, "livenessProbe", "httpGet", "port", value=3500),
        "a quick restart": put(COURSE, *APP, "livenessProbe", "failureThreshold", value=1),
        "starts ready": put(COURSE, *APP, "startupProbe", value={"httpGet": {"path": READY, "port": "http"}}),
    },
    sidecars_look_after_their_apps: {
        "off": put(COURSE, *NOTES, "dapr.io/enable-app-health-check", value="false"),
        "not said": drop(PROJECTOR, *NOTES, "dapr.io/enable-app-health-check"),
        "ready": put(COURSE, *NOTES, "dapr.io/app-health-check-path", value=READY),
        "impatient": drop(COURSE, *NOTES, "dapr.io/app-health-probe-timeout"),
        "too patient": put(COURSE, *NOTES, "dapr.io/app-health-probe-interval", value="2"),
    },
    ends_gracefully: {
        "at once": drop(PROJECTOR, *NOTES, "dapr.io/block-shutdown-duration"),
        "before its app": put(COURSE, *NOTES, "dapr.io/block-shutdown-duration", value="5s"),
        "no time": drop(COURSE, *POD, "terminationGracePeriodSeconds"),
        "not quite": put(COURSE, *POD, "terminationGracePeriodSeconds", value=35),
        "without draining": drop(("ConfigMap", SETTINGS), "data", DRAIN),
        "draining for long": put(("ConfigMap", SETTINGS), "data", DRAIN, value="24"),
        "draining for longer": put(COURSE, *APP, "lifecycle", value={"preStop": {"sleep": {"seconds": 15}}}),
    },
    ports_agree: {
        "the sidecar's": put(COURSE, *NOTES, "dapr.io/app-port", value="8080"),
        "the container's": put(COURSE, *APP, "ports", 0, "containerPort", value=8080),
        "the app's": put(PROJECTOR, *APP, "env", value=[]),
    },
    jobs_come_to_an_end: {
        "its sidecar": drop(JOB, *NOTES, "dapr.io/enable-native-sidecar"),
        "the Job": drop(JOB, "spec", "ttlSecondsAfterFinished"),
        "the pod": put(JOB, *POD, "restartPolicy", value="Always"),
    },
}
