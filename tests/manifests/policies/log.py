"""How the log's topic is made, and the commands that run in the cluster."""

from typing import Any, Final

import typer.main

from learnflow.cli import main
from sidecar.dapr.config import DaprConfig
from tests.manifests.breaking import APP, JOB, Policies, append, drop, entry, put, remove
from tests.manifests.objects import Objects, Pod

INDEX: Final = "$(JOB_COMPLETION_INDEX)"
"""What Kubernetes replaces in the commands of an Indexed Job."""
CREATE: Final = ["learnflow", "log", "create"]
LEAST_REPLICATION: Final = 3
CONNECTION: Final = (
    *("brokers", "authType", "saslMechanism", "saslUsername", "saslPassword", "disableTls", "allowedTopics"),
    "protectedTopics",
)
"""What a pub/sub component says of the log, and where it is."""


class NotACommand(Exception):
    """It begins with `learnflow`, and is none of its commands."""


def options(command: list[str]) -> dict[str, Any]:
    """What a command is told, by the parameters' names, defaults filled in; nothing is run.

    Raises:
        NotACommand: there is no such command; or an error of typer's, if an option does not fit it.
    """
    found: Any = typer.main.get_command(main)
    rest = command[1:]
    while hasattr(found, "commands"):
        if not rest or rest[0] not in found.commands:
            raise NotACommand(" ".join(command))
        found, rest = found.commands[rest[0]], rest[1:]
    with found.make_context(command[-1], [part.replace(INDEX, "0") for part in rest]) as context:
        return dict(context.params)


def commands(objects: Objects) -> list[tuple[Pod, list[str]]]:
    """What containers are told to run of the `learnflow` command, whole."""
    return [
        (pod, [*(container.get("command") or []), *(container.get("args") or [])])
        for pod in objects.pods()
        for container in pod.containers()
        if (container.get("command") or [""])[0] == "learnflow"
    ]


def _creating(objects: Objects) -> list[dict[str, Any]]:
    return [options(command) for _, command in commands(objects) if command[:3] == CREATE]


def partitions(objects: Objects) -> int:
    """How many partitions the topic is made with; 0 if no Job makes it."""
    return next((made["partitions"] or 0 for made in _creating(objects)), 0)


def commands_exist(objects: Objects) -> list[str]:
    """What containers are told to run the `learnflow` command understands, options and all."""
    faults = []
    for pod, command in commands(objects):
        try:
            options(command)
        # typer's own errors, which have no public base class.
        except Exception as error:  # noqa: BLE001
            faults.append(f"{pod.name}: {' '.join(command)}: {error}")
    return faults


def log_is_made(objects: Objects) -> list[str]:
    """One Job makes the topic by `learnflow log create`, which gives it settings under which nothing is lost.

    It says how many partitions: that is for good, and no default of a later version is to decide.
    """
    made = _creating(objects)
    if len(made) != 1:
        return [f"{len(made)} containers make the log"]
    return [] if made[0]["partitions"] else ["the log's partitions are not said"]


def log_outlives_a_broker(objects: Objects) -> list[str]:
    """In production a record is on three brokers, and on two before it counts: one may be away, and none is lost."""
    faults = []
    for made in _creating(objects):
        copies, least = made["replication_factor"], made["min_insync_replicas"]
        if copies < LEAST_REPLICATION or not 1 < least < copies:
            faults.append(f"{copies} copies, {least} before it counts")
    return faults


def all_mean_the_same_log(objects: Objects) -> list[str]:
    """Sidecars and apps are told the same brokers, and the component's topic is the one that apps publish to.

    The projector reads holes from the log past its sidecar: from another Kafka it would fill them with other events.
    The components of services with code of their own connect to the same Kafka, and in the same way.
    """
    settings = (objects.get("ConfigMap", "learnflow") or {}).get("data") or {}
    component = objects.component("events")
    faults = []
    if not component.get("brokers") or settings.get("LEARNFLOW_KAFKA_BROKERS") != component["brokers"]:
        faults.append(f"apps: {settings.get('LEARNFLOW_KAFKA_BROKERS')}, sidecars: {component.get('brokers')}")
    topic = DaprConfig().topic
    if {component.get("allowedTopics"), component.get("protectedTopics")} != {topic}:
        faults.append(f"apps: {topic}, sidecars: {component.get('allowedTopics')}, {component.get('protectedTopics')}")
    for own in sorted(objects.own):
        theirs = objects.component(f"{own}-events")
        faults += [
            f"Component/{own}-events: {key} is {theirs.get(key)}, and of Component/events {component.get(key)}"
            for key in CONNECTION
            if theirs.get(key) != component.get(key)
        ]
    return faults


def kafka_is_where_it_is_looked_for(objects: Objects) -> list[str]:
    """On Minikube: what all are told is a Service's name and port, and what Kafka gives out as its own."""
    brokers = str(objects.component("events").get("brokers"))
    name, _, port = brokers.partition(":")
    service = objects.get("Service", name) or {"spec": {"ports": []}}
    faults = (
        [] if port in {str(one["port"]) for one in service["spec"]["ports"]} else [f"there is no Service {brokers}"]
    )
    kafka = objects.get("StatefulSet", name)
    variables = kafka["spec"]["template"]["spec"]["containers"][0]["env"] if kafka else []
    given = next((one["value"] for one in variables if one["name"] == "KAFKA_ADVERTISED_LISTENERS"), "")
    if f"CLIENT://{brokers}" not in given.split(","):
        faults.append(f"Kafka calls itself {given}, and is looked for at {brokers}")
    return faults


CONFIG: Final = ("ConfigMap", "learnflow")
POLICIES: Final[Policies] = {
    all_mean_the_same_log: {
        "apps another": put(CONFIG, "data", "LEARNFLOW_KAFKA_BROKERS", value="broker:9092"),
        "sidecars another": entry("events", "brokers", "broker:9092"),
        "apps none": drop(CONFIG, "data", "LEARNFLOW_KAFKA_BROKERS"),
        "another topic": entry("events", "allowedTopics", "learnflow.other"),
        "an open topic": entry("events", "protectedTopics", ""),
    },
    commands_exist: {
        "another command": put(JOB, *APP, "command", value=["learnflow", "log", "make"]),
        "an option that is none": append(JOB, *APP, "command", value="--replicas=3"),
        "a value that is none": append(JOB, *APP, "command", value="--partitions=many"),
    },
    log_is_made: {
        "not at all": remove(*JOB),
        "by another command": put(JOB, *APP, "command", value=["learnflow", "log", "check"]),
        "with whatever is the default": put(JOB, *APP, "command", value=CREATE),
    },
}
KAFKA: Final = ("StatefulSet", "kafka")
POLICIES_ON_MINIKUBE: Final[Policies] = {
    kafka_is_where_it_is_looked_for: {
        "another port": put(("Service", "kafka"), "spec", "ports", 0, "port", value=9093),
        "another name": remove("Service", "kafka"),
        "another address": put(KAFKA, *APP, "env", value=[]),
        "sidecars look elsewhere": entry("events", "brokers", "broker:9092"),
    },
}
POLICIES_IN_PRODUCTION: Final[Policies] = {
    log_outlives_a_broker: {
        "one copy": put(JOB, *APP, "command", value=[*CREATE, "--partitions=8"]),
        "the first counts": put(JOB, *APP, "command", value=[*CREATE, "--replication-factor=3"]),
        "all or nothing": put(
            JOB, *APP, "command", value=[*CREATE, "--replication-factor=3", "--min-insync-replicas=3"]
        ),
    }
}
