"""How many there are, and how they come and go."""

from typing import Any, Final

from tests.manifests.breaking import COURSE, JOB, PROJECTOR, Policies, add, drop, put, remove
from tests.manifests.objects import Object, Objects, Pod, ident, selects
from tests.manifests.policies.log import partitions


def disruptions_are_bounded(objects: Objects) -> list[str]:
    """Each Deployment has one PodDisruptionBudget, which counts its pods, keeps some, and lets one go.

    Without it a node that is drained takes all replicas at once; with one that lets nobody go it is never drained.
    """
    faults = []
    budgets = objects.of("PodDisruptionBudget")
    for pod in objects.apps():
        ours = [budget for budget in budgets if selects(budget["spec"].get("selector"), pod.labels)]
        if len(ours) != 1:
            faults.append(f"{pod.name}: {len(ours)} budgets")
        for budget in ours:
            if budget["spec"].get("maxUnavailable") != 1 or "minAvailable" in budget["spec"]:
                faults.append(f"{ident(budget)}: one may go at a time, and always one")
            # Only then is a pod that does not work no reason to keep a node.
            if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                faults.append(f"{ident(budget)}: a pod that does not work keeps a node from being drained")
    labels = [pod.labels for pod in objects.pods()]
    faults += [
        f"{ident(budget)}: counts nobody"
        for budget in budgets
        if not any(selects(budget["spec"].get("selector"), one) for one in labels)
    ]
    return faults


def rollouts_lose_nobody(objects: Objects) -> list[str]:
    """A new pod is ready before an old one goes: also where there is one replica, no GET fails."""
    faults = []
    for pod in objects.apps():
        strategy = pod.owner["spec"].get("strategy") or {}
        rolling = strategy.get("rollingUpdate") or {}
        if strategy.get("type") != "RollingUpdate" or rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            faults.append(f"{pod.name}: {strategy}")
    return faults


def one_decides_how_many(objects: Objects) -> list[str]:
    """The manifest or one autoscaler says how many replicas there are, never both: applied again, they would fight."""
    faults = []
    for pod in objects.apps():
        scalers = _scalers(objects, pod)
        said = "replicas" in pod.owner["spec"]
        if len(scalers) + said != 1:
            faults.append(f"{pod.name}: replicas {said}, scaled by {[ident(scaler) for scaler in scalers]}")
    deployments = objects.names("Deployment")
    for scaler in objects.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        if target.get("kind", "Deployment") != "Deployment" or target["name"] not in deployments:
            faults.append(f"{ident(scaler)}: scales {target['name']}, which is not there")
    return faults


def _scalers(objects: Objects, pod: Pod) -> list[Object]:
    return [
        scaler
        for scaler in objects.of("HorizontalPodAutoscaler", "ScaledObject")
        if scaler["spec"]["scaleTargetRef"]["name"] == pod.owner["metadata"]["name"]
    ]


def apis_scale_by_their_own_work(objects: Objects) -> list[str]:
    """Autoscalers of the APIs keep two replicas at least, and look at a container that is there, at what it asks."""
    faults = []
    for scaler in objects.of("HorizontalPodAutoscaler"):
        spec = scaler["spec"]
        if not 2 <= spec.get("minReplicas", 1) <= spec["maxReplicas"]:
            faults.append(f"{ident(scaler)}: {spec.get('minReplicas')} to {spec['maxReplicas']}")
        target = objects.get("Deployment", spec["scaleTargetRef"]["name"])
        containers = _requests(target)
        for metric in spec.get("metrics") or []:
            looked = metric.get("containerResource") or {}
            if looked.get("name") not in containers.get(looked.get("container", ""), {}):
                faults.append(f"{ident(scaler)}: looks at {looked.get('name')} of {looked.get('container')}")
        if not spec.get("metrics"):
            faults.append(f"{ident(scaler)}: looks at nothing")
    return faults


def _requests(deployment: Object | None) -> dict[str, dict[str, Any]]:
    if deployment is None:
        return {}
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {container["name"]: (container.get("resources") or {}).get("requests") or {} for container in containers}


def projector_scales_by_lag(objects: Objects) -> list[str]:
    """By the lag of the group that the projector's sidecar is in, on the topic it reads; at most one a partition.

    Another group, or topic, would have no lag for ever; more replicas than partitions have nothing to do. One that has
    committed nothing begins at the beginning, which is all lag: as the component has it.
    """
    faults = []
    component = objects.component("events")
    offset = {"oldest": "earliest", "newest": "latest"}.get(component.get("initialOffset", "newest"))
    wanted = {
        "bootstrapServers": component.get("brokers"),
        "consumerGroup": component.get("consumerGroup"),
        "topic": component.get("allowedTopics"),
        "offsetResetPolicy": offset,
        "allowIdleConsumers": "false",
    }
    authentications = objects.names("TriggerAuthentication")
    scaled = objects.of("ScaledObject")
    for scaler in scaled:
        spec = scaler["spec"]
        least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
        # KEDA has the same as a rule of its own, which only a cluster evaluates.
        if not 1 <= least <= most <= partitions(objects):
            faults.append(f"{ident(scaler)}: {least} to {most} replicas, {partitions(objects)} partitions")
        for trigger in spec["triggers"]:
            found = trigger["metadata"]
            if trigger["type"] != "kafka" or {key: found.get(key) for key in wanted} != wanted:
                faults.append(f"{ident(scaler)}: {trigger['type']} {found}, not {wanted}")
            if not found.get("lagThreshold", "").isdigit():
                faults.append(f"{ident(scaler)}: lagThreshold {found.get('lagThreshold')}")
            if (trigger.get("authenticationRef") or {}).get("name") not in authentications:
                faults.append(f"{ident(scaler)}: nobody to be for Kafka")
    if [scaler["spec"]["scaleTargetRef"]["name"] for scaler in scaled] != ["projector"]:
        faults.append("ScaledObject: not the projector, once")
    return faults


SCALED: Final = ("ScaledObject", "projector")
HPA: Final = ("HorizontalPodAutoscaler", "course-agent")
TRIGGER: Final = ("spec", "triggers", 0)
_SECOND: Final = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "second"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "projector"}, "maxReplicas": 3},
}
BUDGET: Final = ("PodDisruptionBudget", "course-agent")
POLICIES: Final[Policies] = {
    disruptions_are_bounded: {
        "none": remove(*BUDGET),
        "of nobody": put(BUDGET, "spec", "selector", value={"matchLabels": {"app": "course"}}),
        "of all": put(BUDGET, "spec", "selector", value={}),
        "nobody goes": put(BUDGET, "spec", "maxUnavailable", value=0),
        "all but one": put(BUDGET, "spec", "minAvailable", value=1),
        "a broken one stays": drop(BUDGET, "spec", "unhealthyPodEvictionPolicy"),
    },
    rollouts_lose_nobody: {
        "one away": put(COURSE, "spec", "strategy", "rollingUpdate", "maxUnavailable", value=1),
        "all at once": put(PROJECTOR, "spec", "strategy", value={"type": "Recreate"}),
        "not said": drop(COURSE, "spec", "strategy"),
    },
    one_decides_how_many: {
        "two": add(_SECOND),
        "one that is not there": add({**_SECOND, "spec": {"scaleTargetRef": {"name": "quiz"}, "maxReplicas": 3}}),
    },
}
POLICIES_ON_MINIKUBE: Final[Policies] = {
    one_decides_how_many: {"nobody": drop(COURSE, "spec", "replicas")},
}
POLICIES_IN_PRODUCTION: Final[Policies] = {
    one_decides_how_many: {
        "both": put(PROJECTOR, "spec", "replicas", value=2),
        "nobody": remove(*HPA),
    },
    apis_scale_by_their_own_work: {
        "one is enough": put(HPA, "spec", "minReplicas", value=1),
        "no container": put(HPA, "spec", "metrics", 0, "containerResource", "container", value="api"),
        "no request": drop(COURSE, "spec", "template", "spec", "containers", 0, "resources", "requests", "cpu"),
        "nothing": drop(HPA, "spec", "metrics"),
    },
    projector_scales_by_lag: {
        "another group": put(SCALED, *TRIGGER, "metadata", "consumerGroup", value="projector"),
        "another topic": put(SCALED, *TRIGGER, "metadata", "topic", value="events"),
        "another Kafka": put(SCALED, *TRIGGER, "metadata", "bootstrapServers", value="kafka:9092"),
        "from the end": put(SCALED, *TRIGGER, "metadata", "offsetResetPolicy", value="latest"),
        "idle ones": put(SCALED, "spec", "maxReplicaCount", value=9),
        "fewer partitions": put(
            JOB,
            "spec",
            "template",
            "spec",
            "containers",
            0,
            "command",
            value=["learnflow", "log", "create", "--partitions=4"],
        ),
        "none at all": put(SCALED, "spec", "minReplicaCount", value=0),
        "the wrong way round": put(SCALED, "spec", "minReplicaCount", value=9),
        "nobody": remove("TriggerAuthentication", "kafka"),
        "by nothing": remove(*SCALED),
    },
}
